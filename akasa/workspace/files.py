"""Files that are there whole or not at all, and a run's files moved into place.

A file is written under a temporary name beside its own and moved over it, so that a reader, or a crash,
finds the old file or the new one.
"""

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from akasa.workspace.failpoints import reached


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
        part.unlink()


def write_text(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def promote(private: Path, public: Path, managed: Sequence[str] = ("data_docs", "notebooks")) -> list[Path]:
    """Move a run's files from its private folder to their places under `public`; return those places.

    The folders named in `managed` belong to the runs: what an earlier run left in one that this run
    has written to is removed. No other file is touched. Both folders must be on one filesystem.
    """
    # The page that links to the others comes last: who finds it new finds all that it links to.
    sources = sorted(_files(private), key=lambda source: (source == private / "index.html", source))
    targets = [public / source.relative_to(private) for source in sources]
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        reached(f"before moving {target.name} into place")
        os.replace(source, target)
    reached("after moving all into place")
    for folder in (public / name for name in managed):
        if any(target.is_relative_to(folder) for target in targets):
            for stale in set(_files(folder)).difference(targets):
                stale.unlink()
            _remove_empty_folders(folder)
    _remove_empty_folders(private)
    return targets


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


@contextmanager
def private_folder(public: Path) -> Iterator[Path]:
    """Give an empty folder on the outputs' own filesystem; leave nothing of it, nor of those killed before.

    Its name is its own: the kernel of a killed run may go on writing to that run's.
    """
    for left in public.glob(".run-*"):
        shutil.rmtree(left, ignore_errors=True)
    private = public / f".run-{uuid.uuid4().hex[:8]}"
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)
