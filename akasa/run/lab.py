"""JupyterLab on copies of the notebooks: whatever is done there changes nothing committed or delivered."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import nbformat

from akasa.run import kernel
from akasa.run.steps import NOTEBOOKS, START
from akasa.workspace import files
from akasa.workspace.extras import how_to_have
from akasa.workspace.settings import BY_HAND, ROOT

WORK = BY_HAND.parent
_SERVER = "akasa.run.lab_server"
_STATE = ".lab"


class NotThere(LookupError):
    """There is no such notebook in `work/`, or none of that name to bring it back to."""


class NotInstalled(ImportError):
    """JupyterLab, which the extra `lab` brings, is not installed; the message says how to have it."""


def start(options: Sequence[str], tell: Callable[[str], None]) -> None:
    """Make `work/` ready and run JupyterLab on it, with options of its own, until somebody stops it.

    Raises NotInstalled.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "jupyterlab":
            raise
        raise NotInstalled(f"JupyterLab is not installed; {how_to_have('lab')}") from None
    from akasa.run import lab_server

    prepare(tell)

    defaults = str(Path(__file__).parent / "jupyter")  # of JupyterLab's settings; the user's go before them
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        filter(None, [defaults, os.environ.get("JUPYTER_CONFIG_PATH")])
    )
    with _noted(WORK / _STATE) as note, kernel.private_folder(note) as kernels:
        try:
            LabApp.launch_instance(arguments(options, kernels))
        finally:
            lab_server.end_kernels()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # else Python waits for threads of the server's, which do not end where it was at work


@contextmanager
def _noted(state: Path) -> Iterator[Path | None]:
    """Give where the kernels' folder is noted, so that the next lab removes what a killed one left.

    None while another lab runs here, whose folder is not to be removed.
    """
    lock = filelock.FileLock(state / "lock", timeout=0)
    with suppress(filelock.Timeout):
        lock.acquire()
    try:
        yield state / "kernels" if lock.is_locked else None
    finally:
        lock.release()


def arguments(options: Sequence[str], kernels: Path) -> list[str]:
    """Return JupyterLab's arguments: what somebody may wish otherwise, their options, what keeps work safe.

    The later one of two wins, and all of them over files of the user's.
    """
    wishes = [
        f"--LabApp.default_url=/lab/tree/{WORK.name}/{START}.ipynb",
        f"--LabApp.workspaces_dir={WORK / _STATE / 'workspaces'}",
        "--LabApp.extension_manager=readonly",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    manager = "jupyter_server.services.kernels.kernelmanager.AsyncMappingKernelManager"
    safety = [
        f"--ServerApp.root_dir={ROOT}",
        f"--ServerApp.contents_manager_class={_SERVER}.Files",
        f"--ServerApp.identity_provider_class={_SERVER}.Doorkeeper",
        f"--ServerApp.kernel_spec_manager_class={_SERVER}.OneKernel",
        f"--ServerApp.kernel_manager_class={manager}",
        f"--AsyncMappingKernelManager.kernel_manager_class={_SERVER}.Kernel",
        f"--Kernel.kernels={kernels}",
    ]
    return [*wishes, *options, *safety]


def prepare(tell: Callable[[str], None], work: Path = WORK, committed: Path = NOTEBOOKS) -> None:
    """Copy into `work` the notebooks that it lacks; say which were committed anew since they were copied."""
    taken, newer = _taken(work), []
    for theirs in sorted(committed.glob("*.ipynb")):
        mine = work / theirs.name
        if not mine.exists():
            _take(theirs, mine, taken)
        elif _digest(theirs) not in (taken.get(theirs.name), _digest(mine)):
            newer.append(theirs.stem)
    _note(work, taken)
    if newer:
        tell(
            f"{', '.join(newer)}: notebooks/ has changed since {work.name}/ was made; "
            "`make lab-reset` takes it, and keeps yours"
        )


def reset(tell: Callable[[str], None], work: Path = WORK, committed: Path = NOTEBOOKS) -> None:
    """Copy all notebooks into `work` anew; those that somebody has changed are kept in `work/earlier/`.

    What was written by hand to `work/outputs/` goes; other files stay.
    """
    taken = _taken(work)
    for theirs in sorted(committed.glob("*.ipynb")):
        mine = work / theirs.name
        if mine.exists() and _digest(mine) not in (taken.get(theirs.name), _digest(theirs)):
            tell(f"kept {_keep(mine).relative_to(work.parent).as_posix()}")
        _take(theirs, mine, taken)
    shutil.rmtree(work / BY_HAND.name, ignore_errors=True)
    shutil.rmtree(work / _STATE / "workspaces", ignore_errors=True)
    _note(work, taken)


def bring_back(name: str, work: Path = WORK, committed: Path = NOTEBOOKS) -> Path:
    """Put the cells of a notebook in `work` into the committed one, without outputs; return the latter.

    What JupyterLab notes of machine and session stays behind. Raises NotThere.
    """
    mine, theirs = (folder / f"{Path(name).stem}.ipynb" for folder in (work, committed))
    for path in (mine, theirs):
        if not path.exists():
            there = ", ".join(sorted(each.stem for each in path.parent.glob("*.ipynb")))
            raise NotThere(f"there is no {path.parent.name}/{path.name}; there are: {there or 'none'}")
    from akasa.run import notebook

    bare = notebook.tidy(nbformat.read(mine, as_version=4))
    for number, cell in enumerate(bare.cells):
        cell["id"] = f"{mine.stem[:2]}-{number:02d}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    files.write_text(theirs, nbformat.writes(bare) + "\n")
    _note(work, {**_taken(work), theirs.name: _digest(theirs)})
    return theirs


def _take(theirs: Path, mine: Path, taken: dict[str, str]) -> None:
    with files.atomic(mine) as part:
        shutil.copyfile(theirs, part)
    taken[theirs.name] = _digest(theirs)


def _keep(mine: Path) -> Path:
    folder = mine.parent / "earlier"
    folder.mkdir(exist_ok=True)
    names = (folder / f"{mine.stem}-{number}.ipynb" for number in range(1, 10_000))
    return mine.rename(next(name for name in names if not name.exists()))


def _digest(path: Path) -> str:
    """Return a digest of a notebook's cells, whatever they have put out."""
    cells = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _taken(work: Path) -> dict[str, str]:
    """Return which cells the committed notebooks had when they were copied: name → digest."""
    note = work / _STATE / "taken.json"
    return dict(json.loads(note.read_text("utf-8"))) if note.exists() else {}


def _note(work: Path, taken: dict[str, str]) -> None:
    files.write_text(work / _STATE / "taken.json", json.dumps(taken, indent=1) + "\n")
