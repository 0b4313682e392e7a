"""A run: the steps in sequence, in a private folder; all done, its files move into place."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import nbformat

from akasa.kpis import results
from akasa.report import pages, site
from akasa.run import notebook, parameters
from akasa.run.steps import NOTEBOOKS, STEPS
from akasa.stores import lock
from akasa.workspace import files, progress
from akasa.workspace.settings import Settings


class StepFailed(RuntimeError):
    """A notebook failed. `step`, `cause` (the cell's own error) and `saved` (the page to open) say more."""

    def __init__(self, step: str, cause: str, saved: Path) -> None:
        self.step, self.cause, self.saved = step, cause, saved
        super().__init__(f"{step} failed: {cause}")


@dataclass(frozen=True)
class Told:
    """What a run tells while it goes on: a step's cell (of how many) starts, or it is done after seconds."""

    step: str
    cell: int
    cells: int
    seconds: float
    done: bool = False


Listener = Callable[[Told], None]


@dataclass
class Run:
    """One run while it holds the workspace; `begin` makes it.

    `folder` is its own: all that it writes to outputs lies there until `promote`. `given` are the parameters
    of each step, `name` is that of its lock, `environment` what its kernels get, `done` lists the steps that
    are executed.
    """

    settings: Settings
    folder: Path
    given: Mapping[str, Mapping[str, Any]]
    listener: Listener
    name: str
    done: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """This process's own, with the workspace in absolute paths and the private folder for outputs."""
        return {
            **os.environ,
            "DATA_DIR": str(self.settings.data_dir),
            "OUTPUT_DIR": str(self.folder),
            lock.VARIABLE: self.name,
            progress.VARIABLE: str(progress_file(self.settings)),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a debugger's warning, which no one can act on
        }

    def execute(self, step: str) -> None:
        """Execute a step's notebook and write its page. Raises StepFailed."""
        executed = self.folder / "notebooks" / f"{step}.ipynb"
        began = time.monotonic()
        progress_file(self.settings).unlink(missing_ok=True)

        def started(cell: int, cells: int) -> None:
            self.listener(Told(step, cell, cells, time.monotonic() - began))

        try:
            notebook.execute(step, self.given[step], executed, started, self.environment)
        except Exception as error:
            cause = _cause(error)
            raise StepFailed(step, cause, _keep_failed(self.settings, step, cause, executed)) from error
        site.render(executed, self.folder, STEPS)
        self.done.append(step)
        self.listener(Told(step, 0, 0, time.monotonic() - began, done=True))
        for line in _warnings(executed):
            print(line, file=sys.stderr, flush=True)

    def promote(self) -> Path:
        """Move the run's files into place, those of engines that it left out aside; return the report."""
        # Before anything moves: what an engine said that did not run must not stand beside new numbers.
        results.drop_stale_engines(self.settings.output_dir, self.folder)
        files.promote(self.folder, self.settings.output_dir)
        return self.settings.output_dir / "index.html"


@contextmanager
def begin(settings: Settings, given: Mapping[str, Any], listener: Listener) -> Iterator[Run]:
    """Give a run that holds the workspace and the database, with an empty folder of its own.

    Raises UsageError before anything starts, Busy when another run holds the workspace or the database.
    """
    no_docs = not (settings.output_dir / "data_docs" / "index.html").exists()
    given_to = parameters.check({"audit_all": no_docs, **given})
    with lock.run(settings) as me, files.private_folder(settings.output_dir) as private:
        try:
            yield Run(settings, private, given_to, listener, me)
        finally:
            progress_file(settings).unlink(missing_ok=True)


def report(settings: Settings, given: Mapping[str, Any], listener: Listener) -> Path:
    """Run all steps; put their outputs in place when the last one has reconciled; return the report.

    Raises as `begin` does, and StepFailed, which leaves the outputs of earlier runs untouched.
    """
    with begin(settings, given, listener) as run:
        for step in STEPS:
            run.execute(step)
        return run.promote()


def progress_file(settings: Settings) -> Path:
    """Return where the running notebook writes how far it is (see `progress`)."""
    return settings.data_dir / ".run.progress"


def _warnings(executed: Path) -> list[str]:
    """Return the warnings that a notebook printed: who runs it from a console should not miss them."""
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [
        line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()
    ]
    return [line for line in printed if line.startswith("warning: ")]


def _cause(error: Exception) -> str:
    """Return the failed cell's own error in one text, without traceback or colours."""
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    return f"{name}: {value}" if name else f"{type(error).__name__}: {error}"


def _keep_failed(settings: Settings, step: str, cause: str, executed: Path) -> Path:
    """Keep the failed notebook and its page in `data/failed/`, marked, for a dead kernel leaves no mark."""
    folder = settings.data_dir / "failed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = executed if executed.exists() else NOTEBOOKS / f"{step}.ipynb"
    failed = nbformat.read(source, as_version=4)
    mark = nbformat.v4.new_markdown_cell(
        f"**This run failed here; nothing below is a result.**\n\n{indent(cause, '    ')}"
    )
    failed.cells.insert(0, mark)
    nbformat.write(failed, folder / f"{step}.ipynb")
    page = folder / f"{step}.html"
    files.write_text(page, pages.render_html(failed, f"{step} failed"))
    return page
