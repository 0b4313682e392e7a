"""Files that are there whole or not at all, and who may read them.

A file is written under a temporary name beside its own and moved over it, so that a reader, or a crash,
finds the old file or the new one. Temporary names hold a random number, so that none is a user's own.
"""

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from akasa.workspace.failpoints import reached

_PART = re.compile(r"\.[0-9a-f]{32}\.part")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it replaces `path` on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        reached(f"before writing {path.name}")
        yield part
        reached(f"before renaming {path.name}")
        os.replace(part, path)
        reached(f"after renaming {path.name}")
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder; only while no other one writes."""
    for part in folder.glob(".*.part"):
        if _PART.fullmatch(part.name):
            part.unlink()


def write_text(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def share(path: Path, place: Path) -> None:
    """Let a file be found at another place, too: as a link, or, where there are none, as a copy."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, place, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without links, or no file
        with atomic(place) as part:
            shutil.copy2(path, part, follow_symlinks=False)


@contextmanager
def private() -> Iterator[None]:
    """Let no one but this user read the files that are made meanwhile: 0600, folders 0700.

    The umask is the process's: no other thread should write what others may read. Windows has none; there,
    the folder's own rights hold.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
