"""A workspace for an akasa that pip has installed: what a checkout has beside the code."""

import shutil
from pathlib import Path

from akasa.workspace import files

# The package's own copies of what a workspace begins with; in a checkout they are links.
BEGINNING = Path(__file__).resolve().parent.parent / "start"


def make(directory: Path) -> None:
    """Copy notebooks, sample, .env.example and Makefile; raise FileExistsError where something lies already.

    Hidden folders (.git, .venv) are no hindrance.
    """
    to_copy = {file: directory / _placed(file) for file in sorted(BEGINNING.iterdir())}
    there = sorted({*_seen(directory), *(path.name for path in to_copy.values() if path.exists())})
    if there:
        raise FileExistsError(f"nothing was made: {directory} has {_some(there)} already; name another")
    for file, path in to_copy.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic(path) as part:
            shutil.copyfile(_content(file), part)
    (directory / "data/incoming").mkdir()


def _seen(directory: Path) -> list[str]:
    return [path.name for path in directory.glob("[!.]*")]


def _some(names: list[str]) -> str:
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*names[:3], *more])


def _content(file: Path) -> Path:
    """Follow a link that git has checked out as a text which names its target, as on most Windows."""
    is_link = file.stat().st_size < 100 and file.read_bytes().startswith(b"../../")
    return file.parent / file.read_text("utf-8") if is_link else file


def _placed(file: Path) -> Path:
    """Return where a file of the beginning lies in a workspace."""
    folder = {".ipynb": "notebooks", ".csv": "data", ".xml": "data"}.get(file.suffix, "")
    return Path(folder) / ("." * (file.name == "env.example") + file.name)
