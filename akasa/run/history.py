"""The last runs, each with all its files, in `outputs/history/<run>/`: the page and its links work there.

An entry is made in a folder of its own and renamed, so that there is a whole one or none. What is the same in
the entry before it is one file on the disk, where the file system can have two names for one.
"""

import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from akasa.workspace import promotion
from akasa.workspace.failpoints import reached
from akasa.workspace.promotion import MANIFEST
from akasa.workspace.settings import Settings

FOLDER = "history"
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_PART = re.compile(r"\.run-[0-9a-f]{32}")


def entries(public: Path) -> list[Path]:
    """Return the kept runs' folders, the oldest first; the run in place, if it is kept, is the last."""
    in_place = (promotion.told(public) or {}).get("run")
    found = [path for path in (public / FOLDER).glob("*") if _is_entry(path)]
    return sorted(found, key=lambda path: (path.name == in_place, path.name))


def keep(settings: Settings) -> None:
    """Keep the run whose files are in place, unless it is kept, or none shall be; only while no run goes on.

    A warning says what keeps it from that: nothing that was reported is worse for it.
    """
    public = settings.output_dir
    with _warning("this run's files are not kept in its history"):
        _sweep(public / FOLDER)
        said = promotion.told(public)
        if said and settings.keep_runs and _is_wanted(settings, said):
            _copy(public, said)


def trim(settings: Settings) -> None:
    """Remove the oldest runs beyond KEEP_RUNS, and, where numbers are to be masked, those that show them."""
    folder = settings.output_dir / FOLDER
    with _warning("what is no longer needed of the history is left"):
        kept = entries(settings.output_dir)
        beyond = kept[: max(0, len(kept) - settings.keep_runs)]
        shown = [one for one in kept if not _may_be_kept(settings, promotion.told(one) or {})]
        for entry in sorted({*beyond, *shown}):
            part = folder / f".run-{uuid.uuid4().hex}"
            reached(f"before removing {entry.name}")
            entry.rename(part)
            reached("after renaming what is removed")
            shutil.rmtree(part)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _copy(public: Path, said: Mapping[str, Any]) -> None:
    folder = public / FOLDER
    part = folder / f".run-{uuid.uuid4().hex}"
    before = entries(public)[-1:]
    try:
        for name, known in said["files"].items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            reached(f"before keeping {name}")
            if not any(_linked(entry, name, known, part / name) for entry in before):
                shutil.copyfile(public / name, part / name)
        shutil.copyfile(public / MANIFEST, part / MANIFEST)
        for name in promotion.changed(part):  # a linked one that somebody has changed in the earlier entry
            (part / name).unlink()
            shutil.copyfile(public / name, part / name)
            if name in promotion.changed(part):
                raise OSError(f"{name} is not what run {said['run']} wrote")
        reached("before an entry takes its place")
        part.rename(folder / said["run"])
        reached("after an entry took its place")
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _linked(entry: Path, name: str, known: Mapping[str, str], place: Path) -> bool:
    """Give a file of an earlier entry another name, if it is the same; say whether that was done."""
    if promotion.listed(entry).get(name, {}).get("sha256") != known["sha256"]:
        return False
    with suppress(OSError, NotImplementedError):  # a file system without links, or no file
        os.link(entry / name, place, follow_symlinks=False)
        return True
    return False


def _is_wanted(settings: Settings, said: Mapping[str, Any]) -> bool:
    """Say whether a run is one to keep, and is not yet kept."""
    is_new = not (settings.output_dir / FOLDER / said["run"]).exists()
    return is_new and bool(_RUN.fullmatch(said["run"])) and _may_be_kept(settings, said)


def _may_be_kept(settings: Settings, said: Mapping[str, Any]) -> bool:
    return not settings.mask_pii or is_masked(said)


def is_masked(said: Mapping[str, Any]) -> bool:
    """Say whether mobile numbers are masked in all that a run wrote, by its run.json."""
    return bool(said.get("settings", {}).get("MASK_PII", False))


def _is_entry(path: Path) -> bool:
    said = promotion.told(path) if _RUN.fullmatch(path.name) else None
    return said is not None and said["run"] == path.name


def _sweep(folder: Path) -> None:
    """Remove what killed runs left half-made or half-removed."""
    for left in folder.glob(".run-*"):
        if _PART.fullmatch(left.name):
            shutil.rmtree(left)


@contextmanager
def _warning(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        print(f"warning: {what}: {error}; the next run tries again", file=sys.stderr)
