"""Execute one notebook with papermill, tell which of its cells starts, and leave no trace of this machine."""

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from akasa.run.kernel import Kernel
from akasa.run.kernels import Kernels
from akasa.run.steps import NOTEBOOKS
from akasa.workspace import masking, secrets

_ENGINE = "akasa"
_ADDED = ("injected-parameters", "papermill-error-cell-tag")  # tags of cells that papermill adds
_SILENT = logging.getLogger("akasa.notebook")  # what nbclient says of a failure, we say ourselves
_SILENT.setLevel(logging.CRITICAL + 1)
_SECONDS_FOR_OUTPUT = 60
_SECONDS_TO_START = 600  # and to import what takes longest, on a machine that does much else


class KernelDied(RuntimeError):
    """The kernel's process ended while a cell ran; the message says how."""


class TookTooLong(RuntimeError):
    """A cell ran over CELL_TIMEOUT, or the run over RUN_TIMEOUT."""


@dataclass(frozen=True)
class Limits:
    """How long a cell may take, and the run that began at `began`: seconds, None for as long as it takes."""

    cell: float | None = None
    run: float | None = None
    began: float = 0.0

    def left(self, now: float) -> float | None:
        """Return how many seconds a cell may still take, never less than none."""
        ends = [] if self.run is None else [max(0.01, self.began + self.run - now)]
        return min([*ends, *([] if self.cell is None else [self.cell])], default=None)

    def broken(self, now: float) -> str:
        """Return which of the two was reached, in words; without any, output was waited for."""
        if self.run is not None and now >= self.began + self.run:
            return f"the run took longer than RUN_TIMEOUT allows ({self.run:g} s)"
        if self.cell is None:
            return f"the cell's output did not come for {_SECONDS_FOR_OUTPUT} s"
        return f"the cell took longer than CELL_TIMEOUT allows ({self.cell:g} s)"


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Hides secrets, and mobile numbers where it `masks`, in what cells give out.

    And says how a dead kernel died, while that can be known.
    """

    secrets: Sequence[str] = ()
    masks = False

    def process_message(self, msg: dict[str, Any], *more: Any, **named: Any) -> Any:
        content = _hidden(msg["content"], self.secrets)
        told = {**msg, "content": masking.output(content) if self.masks else content}
        return super().process_message(told, *more, **named)

    def papermill_execute_cells(self) -> None:
        try:
            super().papermill_execute_cells()
        except DeadKernelError:
            raise KernelDied(how_it_died(run_sync(self.km.provisioner.poll)())) from None


class _TellingEngine(NBClientEngine):  # type: ignore[misc]
    """Calls `started(cell number, number of cells)` before each cell; takes a kernel that was started."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        started: Callable[[int, int], None],
        kernels: Kernels,
        ready: Kernel,
        limits: Limits,
        mask: bool,
        executed: Path,
        **_: Any,
    ) -> None:
        begin, cells, now = nb_man.cell_start, len(nb_man.nb.cells), [0]

        def tell(cell: Any, cell_index: int | None = None, **more: Any) -> None:
            now[0] = (cell_index or 0) + 1
            started(now[0], cells)
            begin(cell, cell_index, **more)

        nb_man.cell_start = tell
        client = _Client(
            nb_man,
            km=ready,
            kernel_name=kernel_name,
            log=_SILENT,
            timeout_func=lambda cell: limits.left(time.monotonic()),
            iopub_timeout=_SECONDS_FOR_OUTPUT,
            coalesce_streams=True,  # what is printed is one output, in however many messages it came
            startup_timeout=_SECONDS_TO_START,
        )
        client.secrets, client.masks = secrets.of_process(), mask
        at_work = True
        try:
            client.execute(cleanup_kc=False)
            at_work = False
        except KernelDied as death:
            raise KernelDied(f"in cell {now[0]} of {cells}, {death}") from None
        except CellTimeoutError:
            raise TookTooLong(f"in cell {now[0]} of {cells}, {limits.broken(time.monotonic())}") from None
        finally:
            if client.kc:
                client.kc.stop_channels()
            kernels.dismiss(ready, at_work)
            nbformat.write(nb_man.nb, executed)  # papermill would not, where no cell failed by itself


def execute(
    step: str,
    given: Mapping[str, Any],
    executed: Path,
    started: Callable[[int, int], None],
    kernels: Kernels,
    limits: Limits = Limits(),
    mask: bool = False,
) -> None:
    """Execute a step's notebook into the file `executed`, in its kernel, and ask that to end.

    `started` is told each cell's number and how many there are; `kernels.settle` waits for the kernel's end.
    `mask` hides mobile numbers in all that cells give out.
    Raises papermill's PapermillExecutionError for what a cell raised, KernelDied, TookTooLong.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    papermill_engines.register(_ENGINE, _TellingEngine)
    try:
        papermill.execute_notebook(
            _literal(NOTEBOOKS / f"{step}.ipynb"),
            _literal(executed),
            dict(given),
            engine_name=_ENGINE,
            request_save_on_cell_execute=False,  # else it is written twice for each cell
            kernel_name="python3",
            language="python",
            progress_bar=False,
            record_timing=False,
            started=started,
            kernels=kernels,
            ready=kernels.take(step, NOTEBOOKS),
            limits=limits,
            mask=mask,
            executed=executed,
        )
    finally:
        if executed.exists():
            nbformat.write(tidy(nbformat.read(executed, as_version=4)), executed)


def _hidden(value: Any, known: Sequence[str]) -> Any:
    match value:
        case str():
            return secrets.hide(value, known)
        case dict():
            return {name: _hidden(part, known) for name, part in value.items()}
        case list():
            return [_hidden(part, known) for part in value]
    return value


def how_it_died(status: int | None) -> str:
    """Return in words how a kernel's process ended, by its exit status; minus a signal that killed it.

    >>> how_it_died(9)
    'the kernel ended by itself, with exit status 9'
    >>> how_it_died(-11)
    'the kernel was ended by SIGSEGV: a crash in a library, not in Python code'
    """
    if status is None or status >= 0:
        return f"the kernel ended by itself, with exit status {status}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return (
            "the kernel was killed from outside (SIGKILL): most likely the machine, or the container, "
            "ran out of memory (dmesg tells). Give it more, or deliver less at a time"
        )
    crash = (
        ": a crash in a library, not in Python code"
        if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL")
        else ""
    )
    return f"the kernel was ended by {name}{crash}"


def _literal(path: Path) -> str:
    """Return a path that papermill, which fills parameters into braces, takes as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what papermill and the kernel note of this run and machine: times, paths, versions, random ids."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    added: Counter[str] = Counter()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for tag in set(tags).intersection(_ADDED):
            added[tag] += 1
            cell["id"] = f"{tag}-{added[tag]}"
    return notebook
