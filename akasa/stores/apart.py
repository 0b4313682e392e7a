"""A workspace of its own within another: gone at its end, or swept once the process that made it is gone."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

_PREFIX, _LOCK = ".run.known.", ".alive.lock"
_OWN = re.compile(r"\.run\.known\.[a-z0-9_]{8}")


@contextmanager
def folder(data_dir: Path) -> Iterator[Path]:
    """Give an empty folder in a data folder; to be made in a run, so that nobody sweeps meanwhile."""
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=data_dir) as made,
        filelock.FileLock(Path(made) / _LOCK),
    ):
        yield Path(made)


def sweep(data_dir: Path) -> None:
    """Remove what processes that were killed have left; to be called in a run."""
    for left in data_dir.glob(f"{_PREFIX}*"):
        if _OWN.fullmatch(left.name):
            with suppress(filelock.Timeout), filelock.FileLock(left / _LOCK, timeout=0):
                shutil.rmtree(left, ignore_errors=True)
