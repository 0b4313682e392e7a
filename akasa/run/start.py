"""A workspace for an akasa that pip has installed: what a checkout has beside the code."""

import shutil
from pathlib import Path

from akasa.workspace import files

# The package's own copies of what a workspace begins with; in a checkout they are links.
BEGINNING = Path(__file__).resolve().parent.parent / "start"


def make(directory: Path) -> None:
    """Copy notebooks, sample, .env.example and Makefile; raise FileExistsError where one is there already."""
    to_copy = {file: directory / _placed(file) for file in sorted(BEGINNING.iterdir())}
    there = [path.relative_to(directory).as_posix() for path in to_copy.values() if path.exists()]
    if there:
        raise FileExistsError(f"nothing was made: {directory} has {', '.join(there)} already; name another")
    for file, path in to_copy.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic(path) as part:
            shutil.copyfile(file, part)
    (directory / "data/incoming").mkdir()


def _placed(file: Path) -> Path:
    """Return where a file of the beginning lies in a workspace."""
    folder = {".ipynb": "notebooks", ".csv": "data", ".xml": "data"}.get(file.suffix, "")
    return Path(folder) / ("." * (file.name == "env.example") + file.name)
