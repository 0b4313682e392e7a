"""Run the notebooks in sequence with papermill: into a private folder, then, all done, into place."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import filelock
import nbformat
from traitlets.config import Config

from akasa import database, outputs, pages, parameters, progress
from akasa.parameters import NOTEBOOKS, STEPS
from akasa.settings import Settings

_PRIVATE = ".run"
# Kernels listen on files that only this user may open, not on TCP ports of the machine.
_PRIVATE_CHANNELS = Config({"KernelManager": {"transport": "ipc"}})
_NAV = [
    *((step, f"notebooks/{step}.html") for step in STEPS),
    ("Data Docs", "data_docs/index.html"),
]


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


def run(settings: Settings, given: Mapping[str, Any], listener: Listener) -> Path:
    """Run all notebooks; put their outputs in place when the last one has reconciled; return the report.

    Raises UsageError before anything starts, Busy when another run holds the workspace or the database, and
    StepFailed, which leaves the outputs of earlier runs untouched.
    """
    no_docs = not (settings.output_dir / "data_docs" / "index.html").exists()
    given_to = parameters.check({"audit_all": no_docs, **given})
    with (
        alone(settings),
        _private_folder(settings.output_dir) as private,
        _environment(settings, private),
    ):
        for step in STEPS:
            executed = private / "notebooks" / f"{step}.ipynb"
            _execute_step(settings, step, given_to[step], executed, listener)
            render(executed, private)
        _drop_stale_engines(settings.output_dir, private)
        outputs.promote(private, settings.output_dir)
    return settings.output_dir / "index.html"


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the workspace and the database for one run, and remove what killed runs left half-written.

    Raises Busy, which says who holds them, after LOCK_TIMEOUT seconds.
    """
    with _workspace(settings), database.alone(settings):
        sweep(settings)
        yield


def sweep(settings: Settings) -> None:
    """Remove what killed runs left half-written."""
    for folder in (settings.staging, settings.rejects, settings.output_dir):
        outputs.sweep(folder)


def progress_file(settings: Settings) -> Path:
    """Return where the running notebook writes how far it is (see `progress`)."""
    return settings.data_dir / ".run.progress"


def execute(step: str, given: Mapping[str, Any], executed: Path, started: Callable[[int, int], None]) -> None:
    """Execute one notebook with papermill into a file without times and paths of this machine.

    Raises papermill's PapermillExecutionError, or what killed the kernel.
    """
    import papermill

    from akasa import cells

    executed.parent.mkdir(parents=True, exist_ok=True)
    cells.register()
    try:
        papermill.execute_notebook(
            NOTEBOOKS / f"{step}.ipynb",
            executed,
            dict(given),
            engine_name=cells.ENGINE,
            progress_bar=False,
            cwd=NOTEBOOKS,
            started=started,
            record_timing=False,
            config=_PRIVATE_CHANNELS,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    finally:
        if executed.exists():
            nbformat.write(tidy(nbformat.read(executed, as_version=4)), executed)


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what papermill and the kernel note about this run and machine: times, paths, versions."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    for cell in notebook.cells:
        tags = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.metadata = nbformat.from_dict(tags)
    return notebook


def render(executed: Path, folder: Path) -> None:
    """Write the executed notebook's page beside it, and the last step's also as `index.html`."""
    notebook = nbformat.read(executed, as_version=4)
    page = pages.render_html(notebook, executed.stem, [("Report", "../index.html"), *_beside(_NAV)])
    outputs.write_text(executed.with_suffix(".html"), page)
    if executed.stem == STEPS[-1]:
        outputs.write_text(folder / "index.html", pages.render_html(notebook, "Akasa report", _NAV))


def _beside(links: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(text, f"../{address}") for text, address in links]


def _execute_step(
    settings: Settings, step: str, given: Mapping[str, Any], executed: Path, listener: Listener
) -> None:
    began = time.monotonic()
    progress_file(settings).unlink(missing_ok=True)

    def started(cell: int, cells: int) -> None:
        listener(Told(step, cell, cells, time.monotonic() - began))

    try:
        execute(step, given, executed, started)
    except Exception as error:
        cause = _cause(error)
        raise StepFailed(step, cause, _keep_failed(settings, step, cause, executed)) from error
    listener(Told(step, 0, 0, time.monotonic() - began, done=True))


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
    notebook = nbformat.read(source, as_version=4)
    mark = nbformat.v4.new_markdown_cell(
        f"**This run failed here; nothing below is a result.**\n\n{indent(cause, '    ')}"
    )
    notebook.cells.insert(0, mark)
    nbformat.write(notebook, folder / f"{step}.ipynb")
    page = folder / f"{step}.html"
    outputs.write_text(page, pages.render_html(notebook, f"{step} failed"))
    return page


def _drop_stale_engines(public: Path, private: Path) -> None:
    """Remove KPI files of engines that did not run, unless they still say what this run says."""
    from akasa import kpis, report
    from akasa.kpis.definitions import DEFINITIONS

    for engine in kpis.MODULES:
        for kpi in DEFINITIONS:
            name = report.file_name(engine, kpi)
            if (public / name).exists() and not (private / name).exists():
                now = outputs.read_json(private / report.file_name("sql", kpi), kpi)
                if not _says(public / name, kpi, now):
                    (public / name).unlink()


def _says(path: Path, kpi: str, frame: Any) -> bool:
    try:
        return bool(outputs.read_csv(path, kpi).equals(frame))
    except (ValueError, TypeError):
        return False


@contextmanager
def _private_folder(public: Path) -> Iterator[Path]:
    """Give an empty folder on the outputs' own filesystem; leave nothing of it, nor of one killed before."""
    private = public / _PRIVATE
    shutil.rmtree(private, ignore_errors=True)
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


@contextmanager
def _workspace(settings: Settings) -> Iterator[None]:
    """Hold the workspace: the lock is the kernel's, so it is free again when its holder dies."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(settings.data_dir / ".run.lock", timeout=settings.lock_timeout)
    holder = settings.data_dir / ".run.holder"
    try:
        lock.acquire()
    except filelock.Timeout:
        who = holder.read_text("utf-8") if holder.exists() else "another process"
        raise database.Busy(
            f"{who} is running in {settings.data_dir}; waited {settings.lock_timeout:g} s. "
            "Try again when it is done, or set LOCK_TIMEOUT."
        ) from None
    try:
        holder.write_text(f"process {os.getpid()}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        progress_file(settings).unlink(missing_ok=True)
        lock.release()


@contextmanager
def _environment(settings: Settings, private: Path) -> Iterator[None]:
    """Let kernels see the run's settings, whatever their folder, and write to the private folder."""
    changed = {
        "DATA_DIR": str(settings.data_dir),
        "OUTPUT_DIR": str(private),
        progress.VARIABLE: str(progress_file(settings)),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
