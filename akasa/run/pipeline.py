"""A run: the steps that are due in sequence, in a private folder; all done, its files move into place."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akasa.run import parameters, record, watch
from akasa.run.due import AS_DUE, Chosen, Known
from akasa.run.steps import NOTEBOOKS, STEPS
from akasa.run.told import DONE, LEFT, UP_TO_DATE, Ended, Incomplete, Listener, StepFailed, Told
from akasa.stores import lock
from akasa.workspace import clock, events, files, progress, promotion, secrets, secrets_manager
from akasa.workspace.settings import Settings

if TYPE_CHECKING:
    from akasa.run.kernels import Kernels
    from akasa.run.notebook import Limits
    from akasa.run.rendering import Pages
    from akasa.run.upload import Pointer

# Where nothing is to be done, nothing is imported that takes time: notebooks, kernels and frames come late.
AHEAD = 3  # kernels that start beside the one at work: what 05_report imports is there when 02_validate ends
_NEEDED_LATER = ("akasa.report.site", "akasa.kpis.results", "akasa.run.history", "akasa.run.manifest")
_MANIFEST = f"outputs/{promotion.MANIFEST}"


@dataclass
class Run:
    """One run while it holds the workspace; `begin` makes it.

    `folder` is its own: all that it writes to outputs lies there until `promote`. `given` are the parameters,
    `typed` those of each step, `name` is that of its lock, `ended` lists
    the steps that came to their end, `known` knows what is due and what all is made of; `taken_over` are the
    files of steps that it did not run. `readers` says where readers of PUBLISH_URL were when it began.
    """

    settings: Settings
    folder: Path
    given: Mapping[str, Any]
    typed: Mapping[str, Mapping[str, Any]]
    listener: Listener
    name: str
    started: datetime
    began: float
    chosen: Chosen = AS_DUE
    open: ExitStack = field(default_factory=ExitStack)
    ended: list[Ended] = field(default_factory=list)
    taken_over: set[str] = field(default_factory=set)
    readers: "Pointer | None" = None

    @property
    def limits(self) -> "Limits":
        from akasa.run.notebook import Limits

        return Limits(self.settings.cell_timeout, self.settings.run_timeout, self.began)

    @cached_property
    def kernels(self) -> "Kernels":
        """Its kernels, in a folder that is made when the first one is needed."""
        from akasa.run import kernel, warm
        from akasa.run.kernels import Kernels

        warm.spare()
        note = self.settings.data_dir / ".run.kernels"
        folder = self.open.enter_context(kernel.private_folder(note))
        return self.open.enter_context(Kernels(self.environment(folder), folder))

    @cached_property
    def pages(self) -> "Pages":
        from akasa.run.rendering import Pages

        return self.open.enter_context(Pages())

    @cached_property
    def known(self) -> Known:
        return Known(self.settings, self.own, self.typed)

    @cached_property
    def own(self) -> Settings:
        """The settings, with the private folder for outputs."""
        return self.settings.model_copy(update={"output_dir": self.folder})

    @property
    def id(self) -> str:
        """What events call it: the last word of its lock's name."""
        return self.name.rpartition(" ")[2].rstrip(")")

    @property
    def events_file(self) -> Path:
        """Where its kernels write what happens (see `events`)."""
        return self.settings.data_dir / f".run.events-{self.id}"

    def environment(self, kernels: Path) -> dict[str, str]:
        """This process's own, with the workspace in absolute paths and the private folder for outputs."""
        return {
            **os.environ,
            **secrets_manager.to_hand_down(),
            **events.to_hand_down(self.events_file),
            "DATA_DIR": str(self.settings.data_dir),
            "OUTPUT_DIR": str(self.folder),
            "MASK_PII": str(int(self.settings.mask_pii)),
            lock.VARIABLE: self.name,
            progress.VARIABLE: str(progress_file(self.settings)),
            "MPLCONFIGDIR": str(kernels),  # no style of the user's, no need of a HOME
        }

    def go(self, step: str) -> None:
        """Run a step, unless it is up to date and nobody chose it; its outputs then stay as they are.

        Raises StepFailed, and Incomplete where another step runs alone and this one's outputs lack.
        """
        why = self.known.why(step)
        if step in self.chosen.steps:
            self.execute(step, why or "it was asked for")
        elif self.chosen.alone:
            self._leave(step, why or "")
        elif why:
            self.execute(step, why)
        else:
            self._keep(step, Ended(step, UP_TO_DATE, 0.0))

    def hold_again(self) -> None:
        """Take the database's lock again where a server that went away has freed it. Raises Busy."""
        if lock.is_lost(self.settings, "run"):
            self.open.enter_context(lock.hold_database(self.settings, "run"))

    def execute(self, step: str, reason: str = "") -> None:
        """Execute a step's notebook and write its page. Raises StepFailed."""
        self.kernels.prepare()
        from akasa.run import warm

        with warm.uncollected():  # what takes its time, while kernels do the same
            from akasa.run import notebook

            for name in _NEEDED_LATER:
                import_module(name)
        for one in (step, *self._next(step)):
            self.kernels.start(one, NOTEBOOKS)
        self.known.ingredients(step, outside=True)  # what comes meanwhile is for the next run
        self._take_over()
        executed = self.folder / "notebooks" / f"{step}.ipynb"
        before, began = record.names(self.own), time.monotonic()
        with files.private():
            progress_file(self.settings).write_text("", "utf-8")

        def started(cell: int, cells: int) -> None:
            self.listener(Told(step, cell, cells, time.monotonic() - began, reason))

        mask = self.settings.mask_pii
        try:
            notebook.execute(step, self._parameters(step), executed, started, self.kernels, self.limits, mask)
        except Exception as error:
            self.kernels.settle()
            from akasa.run import failed

            cause = secrets.hide(_cause(error))
            saved = failed.keep(self.settings, step, cause, executed)
            self._forget(record.names(self.own) - before)
            raise StepFailed(step, cause, saved) from error
        self.kernels.settle()
        self.known.note(step, before)
        self.pages.begin(executed, STEPS)
        self._end(Ended(step, DONE, time.monotonic() - began, reason), executed)

    def _forget(self, names: set[str]) -> None:
        """Remove what a failed step wrote: where it is run again, all that it leaves is to be its own."""
        for name in names:
            record.place(self.own, name).unlink(missing_ok=True)

    def _next(self, step: str) -> tuple[str, ...]:
        """Return the steps whose kernels start while this one runs: they are ready when their turn comes."""
        after = STEPS.index(step) + 1
        return () if self.chosen.alone else STEPS[after : after + AHEAD]

    def _parameters(self, step: str) -> dict[str, Any]:
        """Return what the step's notebook is given: to audit all, where no audit is kept."""
        from akasa.validate import audits

        none = "audit_all" in parameters.declared(step) and not audits.are_kept(self.settings)
        return {**({"audit_all": True} if none else {}), **self.typed[step]}

    def _keep(self, step: str, ended: Ended) -> None:
        self.known.keep(step)
        self._end(ended, self.settings.output_dir / "notebooks" / f"{step}.ipynb")

    def _leave(self, step: str, why: str) -> None:
        """Leave a step's outputs as they are, since another one runs alone, if they can stand beside its."""
        if any(one.status == DONE for one in self.ended):
            changed = self.known.apart(step)
            if changed:
                raise Incomplete(
                    f"the outputs stay as they were, for {step} rests on others: {changed}; "
                    "leave out --only (ONLY)"
                )
        if why:
            print(f"note: {step} is not up to date: {why}", file=sys.stderr, flush=True)
        self._keep(step, Ended(step, LEFT if why else UP_TO_DATE, 0.0, why))

    def require_others(self) -> None:
        """Raise Incomplete where a step is to run alone, and the outputs of another one are not in place."""
        for step in set(STEPS).difference(self.chosen.steps) if self.chosen.alone else ():
            lost = self.known.lacking(step)
            if lost:
                raise Incomplete(
                    f"{', '.join(self.chosen.steps)} cannot run alone on what {step} left: {lost}; "
                    "leave out --only (ONLY)"
                )

    def _take_over(self) -> None:
        """Let the files of steps that were not run be found in the private folder, too."""
        for name in self.known.kept():
            place = record.place(self.own, name)
            if name == _MANIFEST or place.exists():
                continue
            with files.private() if self.settings.exact in place.parents else nullcontext():
                files.share(record.place(self.settings, name), place)
            self.taken_over.add(name)

    def _end(self, ended: Ended, executed: Path) -> None:
        self.ended.append(ended)
        self.listener(ended)
        for line in _warnings(executed):
            print(line, file=sys.stderr, flush=True)

    def promote(self) -> Path:
        """Move the run's files into place and list them in run.json; return the report.

        KPI files of engines that it left out stay where a run wrote them and they say what this one says.
        Where all steps were up to date, nothing is moved.
        Raises PromotionFailed, which leaves the earlier run's files.
        """
        public = self.settings.output_dir
        if self.ended and all(one.status != DONE for one in self.ended):
            return public / "index.html"
        from akasa import changes
        from akasa.kpis import results
        from akasa.run import history, manifest

        for page in self.pages.write():
            self.known.also(page.stem, f"outputs/notebooks/{page.name}")
        self._take_over()
        left_out = results.left_out(public, self.folder)
        steps = [asdict(one) for one in self.ended]
        about = manifest.about(self.settings, self.folder, self.given, self.typed, self.started, steps)
        taken_over = {
            name.removeprefix("outputs/") for name in self.taken_over if name.startswith("outputs/")
        }
        history.keep(self.settings)  # of the run in place, if it was killed before it was kept
        promotion.promote(self.folder, public, about, lambda name: left_out.get(name, False), taken_over)
        history.keep(self.settings)
        history.trim(self.settings)
        self._keep_exact()
        changes.put_in_place(self.settings, self.folder, about["run"])
        self.known.write(_MANIFEST)
        for name, true in left_out.items():
            if not true and (public / name).exists():
                print(
                    f"warning: {name} says something else, but no run wrote it, so it stays", file=sys.stderr
                )
        return public / "index.html"

    def publish(self) -> None:
        """Put what is in place where PUBLISH_URL says, if it is set, unless it is there already.

        Raises PublishFailed.
        """
        if self.readers is not None:
            from akasa.run import upload

            upload.publish(self.settings, self.readers)

    def _keep_exact(self) -> None:
        """Keep the run's unmasked KPI files, if any, for a notebook 05 that is opened by hand."""
        from akasa.kpis import results

        results.forget_exact(self.settings.exact)
        if self.own.exact.exists() and not self.settings.exact.exists():
            self.own.exact.rename(self.settings.exact)


@contextmanager
def begin(
    settings: Settings, given: Mapping[str, Any], listener: Listener, chosen: Chosen = AS_DUE
) -> Iterator[Run]:
    """Give a run that holds the workspace and the database, with an empty folder of its own.

    Raises UsageError before anything starts, Busy when another run holds the workspace or the database.
    """
    lock.settle(settings)
    typed = parameters.check(given)
    with (
        lock.run(settings) as me,
        promotion.private_folder(settings.output_dir) as private,
        ExitStack() as opened,
    ):
        _forget_exact(settings)
        began = time.monotonic()
        try:
            yield Run(settings, private, given, typed, listener, me, clock.now(), began, chosen, opened)
        finally:
            progress_file(settings).unlink(missing_ok=True)
            _forget_exact(settings)


def report(settings: Settings, given: Mapping[str, Any], listener: Listener, chosen: Chosen = AS_DUE) -> Path:
    """Run the steps that are not up to date, or were chosen; return the report.

    Their outputs are put in place when the last one has reconciled, and below PUBLISH_URL, if it is set.
    Raises as `begin` does, Incomplete, and StepFailed, which leaves the outputs of earlier runs untouched;
    StorageUnavailable where a bucket cannot be used.
    """
    with watch.over(settings, listener) as watched, opened(settings, given, watched, chosen) as run:
        for step in STEPS:
            run.go(step)
        page = run.promote()
        run.publish()
        return page


@contextmanager
def opened(
    settings: Settings, given: Mapping[str, Any], watched: watch.Watch, chosen: Chosen = AS_DUE
) -> Iterator[Run]:
    """Give a run whose steps can go, one after the other, before it promotes and publishes what they wrote.

    Raises as `begin` does, Incomplete, and StorageUnavailable where PUBLISH_URL cannot be read.
    """
    with begin(settings, given, watched, chosen) as run:
        if settings.publish_url is not None:
            from akasa.run import upload

            run.readers = upload.pointer(settings)
        watched.follow(run)
        run.require_others()
        yield run


def progress_file(settings: Settings) -> Path:
    """Return where the running notebook writes how far it is (see `progress`)."""
    return settings.data_dir / ".run.progress"


def _forget_exact(settings: Settings) -> None:
    """Remove what runs of this workspace, be they killed or failed, kept unmasked for themselves."""
    for left in settings.exact.parent.glob(".run-*"):
        from akasa.kpis import results

        results.forget_exact(left)


def _warnings(executed: Path) -> list[str]:
    """Return warnings and notes that a notebook printed: who runs it from a console should not miss them."""
    cells = json.loads(executed.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = ["".join(output["text"]) for output in outputs if output.get("name") == "stderr"]
    lines = [line for text in printed for line in text.splitlines()]
    return [line for line in lines if line.startswith(("warning: ", "note: "))]


def _cause(error: Exception) -> str:
    """Return the failed cell's own error in one text, without traceback or colours."""
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    return f"{name}: {value}" if name else f"{type(error).__name__}: {error}"
