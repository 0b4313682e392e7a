"""A run: the steps in sequence, in a private folder; all done, its files move into place."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from akasa.kpis import results
from akasa.report import site
from akasa.run import failed, kernel, manifest, notebook, parameters, upload
from akasa.run.notebook import Limits
from akasa.run.steps import STEPS
from akasa.stores import lock
from akasa.workspace import clock, files, progress, promotion, secrets
from akasa.workspace.settings import Settings


class StepFailed(RuntimeError):
    """A notebook failed. `step`, `cause` (the cell's own error) and `saved` (the page to open) say more."""

    def __init__(self, step: str, cause: str, saved: Path) -> None:
        self.step, self.cause, self.saved = step, cause, saved
        super().__init__(f"{step} failed: {cause}")


@dataclass(frozen=True)
class Told:
    """What a run tells while it goes on: a step's cell (of how many) starts, after seconds."""

    step: str
    cell: int
    cells: int
    seconds: float


@dataclass(frozen=True)
class Ended:
    """How a step of a run ended: its status (`done`), why it ran, and the seconds it took."""

    step: str
    status: str
    seconds: float
    reason: str = ""


Listener = Callable[[Told | Ended], None]


@dataclass
class Run:
    """One run while it holds the workspace; `begin` makes it.

    `folder` is its own: all that it writes to outputs lies there until `promote`; `kernels` is that of its
    kernels. `given` are the parameters, `typed` those of each step, `name` is that of its lock,
    `environment` what its kernels get, `ended` lists the steps that came to their end.
    """

    settings: Settings
    folder: Path
    kernels: Path
    given: Mapping[str, Any]
    typed: Mapping[str, Mapping[str, Any]]
    listener: Listener
    name: str
    started: datetime
    limits: Limits
    ended: list[Ended] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """This process's own, with the workspace in absolute paths and the private folder for outputs."""
        return {
            **os.environ,
            "DATA_DIR": str(self.settings.data_dir),
            "OUTPUT_DIR": str(self.folder),
            "MASK_PII": str(int(self.settings.mask_pii)),
            lock.VARIABLE: self.name,
            progress.VARIABLE: str(progress_file(self.settings)),
            "MPLCONFIGDIR": str(self.kernels),  # no style of the user's, no need of a HOME
        }

    def execute(self, step: str) -> None:
        """Execute a step's notebook and write its page. Raises StepFailed."""
        executed = self.folder / "notebooks" / f"{step}.ipynb"
        began = time.monotonic()
        with files.private():
            progress_file(self.settings).write_text("", "utf-8")

        def started(cell: int, cells: int) -> None:
            self.listener(Told(step, cell, cells, time.monotonic() - began))

        where = self.environment, self.kernels
        mask = self.settings.mask_pii
        try:
            notebook.execute(step, self.typed[step], executed, started, *where, self.limits, mask)
        except Exception as error:
            cause = secrets.hide(_cause(error))
            raise StepFailed(step, cause, failed.keep(self.settings, step, cause, executed)) from error
        site.render(executed, STEPS)
        self._end(Ended(step, "done", time.monotonic() - began))
        for line in _warnings(executed):
            print(line, file=sys.stderr, flush=True)

    def _end(self, ended: Ended) -> None:
        self.ended.append(ended)
        self.listener(ended)

    def promote(self) -> Path:
        """Move the run's files into place and list them in run.json; return the report.

        KPI files of engines that it left out stay where a run wrote them and they say what this one says.
        Raises PromotionFailed, which leaves the earlier run's files.
        """
        public = self.settings.output_dir
        left_out = results.left_out(public, self.folder)
        audited = (self.folder / "data_docs").exists()

        def stays(name: str) -> bool:
            return left_out.get(name, False) or (name.startswith("data_docs/") and not audited)

        typed = {name: value for step in self.typed.values() for name, value in step.items()}
        given = {name: typed[name] for name in self.given}
        promotion.promote(self.folder, public, manifest.about(self.folder, given, self.started), stays)
        self._keep_exact()
        for name, true in left_out.items():
            if not true and (public / name).exists():
                print(
                    f"warning: {name} says something else, but no run wrote it, so it stays", file=sys.stderr
                )
        return public / "index.html"

    def _keep_exact(self) -> None:
        """Keep the run's unmasked KPI files, if any, for a notebook 05 that is opened by hand."""
        results.forget_exact(self.settings.exact)
        mine = self.settings.model_copy(update={"output_dir": self.folder}).exact
        if mine.exists() and not self.settings.exact.exists():
            mine.rename(self.settings.exact)


@contextmanager
def begin(settings: Settings, given: Mapping[str, Any], listener: Listener) -> Iterator[Run]:
    """Give a run that holds the workspace and the database, with an empty folder of its own.

    Raises UsageError before anything starts, Busy when another run holds the workspace or the database.
    """
    lock.settle(settings)
    no_docs = not (settings.output_dir / "data_docs" / "index.html").exists()
    typed = parameters.check({"audit_all": no_docs, **given})
    with (
        lock.run(settings) as me,
        promotion.private_folder(settings.output_dir) as private,
        kernel.private_folder(settings.data_dir / ".run.kernels") as kernels,
    ):
        _forget_exact(settings)
        limits = Limits(settings.cell_timeout, settings.run_timeout, time.monotonic())
        try:
            yield Run(settings, private, kernels, given, typed, listener, me, clock.now(), limits)
        finally:
            progress_file(settings).unlink(missing_ok=True)
            _forget_exact(settings)


def report(settings: Settings, given: Mapping[str, Any], listener: Listener) -> Path:
    """Run all steps; put their outputs in place when the last one has reconciled; return the report.

    Raises as `begin` does, and StepFailed, which leaves the outputs of earlier runs untouched;
    StorageUnavailable where PUBLISH_URL cannot be used.
    """
    with begin(settings, given, listener) as run:
        before = upload.pointer(settings)
        for step in STEPS:
            run.execute(step)
        page = run.promote()
        upload.publish(settings, before)
        return page


def progress_file(settings: Settings) -> Path:
    """Return where the running notebook writes how far it is (see `progress`)."""
    return settings.data_dir / ".run.progress"


def _forget_exact(settings: Settings) -> None:
    """Remove what runs of this workspace, be they killed or failed, kept unmasked for themselves."""
    for left in settings.exact.parent.glob(".run-*"):
        results.forget_exact(left)


def _warnings(executed: Path) -> list[str]:
    """Return warnings and notes that a notebook printed: who runs it from a console should not miss them."""
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [
        line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()
    ]
    return [line for line in printed if line.startswith(("warning: ", "note: "))]


def _cause(error: Exception) -> str:
    """Return the failed cell's own error in one text, without traceback or colours."""
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    return f"{name}: {value}" if name else f"{type(error).__name__}: {error}"
