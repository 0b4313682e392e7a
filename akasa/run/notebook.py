"""Execute one notebook with papermill, tell which of its cells starts, and leave no trace of this machine."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger
from traitlets.config import Config

from akasa.run.steps import NOTEBOOKS

_ENGINE = "akasa"


class _TellingEngine(NBClientEngine):  # type: ignore[misc]
    """Calls `started(cell number, number of cells)` before each cell; gives the kernel an environment."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        started: Callable[[int, int], None],
        environment: Mapping[str, str],
        config: Config,
        **_: Any,
    ) -> None:
        begin = nb_man.cell_start

        def tell(cell: Any, cell_index: int | None = None, **more: Any) -> None:
            started((cell_index or 0) + 1, len(nb_man.nb.cells))
            begin(cell, cell_index, **more)

        nb_man.cell_start = tell
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            config=config,
            log=logger,
            # What a kernel notes of itself would stand in the notebook as stderr.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
        client.execute(env=dict(environment), cwd=str(NOTEBOOKS))


def execute(
    step: str,
    given: Mapping[str, Any],
    executed: Path,
    started: Callable[[int, int], None],
    environment: Mapping[str, str],
) -> None:
    """Execute a step's notebook into the file `executed`, in a kernel that has this environment and no other.

    `started` is told each cell's number and how many there are. Raises papermill's PapermillExecutionError,
    or what killed the kernel.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    papermill_engines.register(_ENGINE, _TellingEngine)
    try:
        with tempfile.TemporaryDirectory(prefix="akasa-") as channels:
            papermill.execute_notebook(
                _literal(NOTEBOOKS / f"{step}.ipynb"),
                _literal(executed),
                dict(given),
                engine_name=_ENGINE,
                progress_bar=False,
                record_timing=False,
                started=started,
                environment=environment,
                config=private_channels(Path(channels)),
            )
    finally:
        if executed.exists():
            nbformat.write(tidy(nbformat.read(executed, as_version=4)), executed)


def _literal(path: Path) -> str:
    """Return a path that papermill, which fills parameters into braces, takes as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def private_channels(folder: Path) -> Config:
    """Let a kernel listen on sockets in a folder that only this user may open, not on TCP ports."""
    return Config({"KernelManager": {"transport": "ipc", "ip": str(folder / "k")}})


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
