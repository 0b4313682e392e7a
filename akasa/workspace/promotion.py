"""A run's files take the place of an earlier run's: all of them or none, wherever it is killed.

What is to be done is noted in a journal before anything moves, and earlier files are kept until all is done.
Whoever finds a journal goes on with it, or, where that cannot be, back. `run.json` lists the files that are
in place, with the run that made them: a reader who finds a file's SHA-256 there has no mixture before him,
and only what stands there is ever removed.
"""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from akasa.workspace import files
from akasa.workspace.failpoints import reached

MANIFEST = "run.json"
JOURNAL = ".promotion.json"
_BEFORE = ".before"  # in the private folder: the earlier files
_RUN = re.compile(r"\.run-[0-9a-f]{32}")  # a random number: no folder of a user's own


class PromotionFailed(RuntimeError):
    """A run's files could not take their places; those of the earlier run are there."""


@dataclass(frozen=True)
class Journal:
    """What a promotion does: from the folder `private`, names to bring in and names to take away.

    `fresh` are those of the former that had no earlier file; `back` says that all of it is to be undone.
    """

    private: str
    come: tuple[str, ...]
    fresh: tuple[str, ...]
    go: tuple[str, ...]
    back: bool = False


@contextmanager
def private_folder(public: Path) -> Iterator[Path]:
    """Give an empty folder on the outputs' own filesystem; leave nothing of it, nor of those killed before.

    Its name is its own: the kernel of a killed run may go on writing to that run's.
    """
    settle(public)
    files.sweep(public)
    for left in public.glob(".run-*"):
        if _RUN.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
    private = public / f".run-{uuid.uuid4().hex}"
    try:
        yield private
    finally:
        if not unsettled(public):  # else what it lists is still needed
            shutil.rmtree(private, ignore_errors=True)


def promote(
    private: Path,
    public: Path,
    about: Mapping[str, Any],
    stays: Callable[[str], bool] = lambda name: False,
    taken_over: Collection[str] = (),
) -> None:
    """Put a run's files from its private folder, which lies in `public`, into place; list them in run.json.

    `about` is what run.json says of the run, its name as `run`. Of the files that it listed before, those
    that are not written anew go, unless they `stay`, or somebody has changed them. No other file is touched.
    Those that the run has only taken over remain those of the run that wrote them.
    Raises PromotionFailed, or whatever stops it, and then the earlier run's files are in place.
    """
    earlier = listed(public)
    new = {name: {"sha256": files.sha256(private / name), "run": about["run"]} for name in _names(private)}
    for name in earlier.keys() & new.keys() & set(taken_over):
        if earlier[name]["sha256"] == new[name]["sha256"]:
            new[name] = earlier[name]
    left = {name: known for name, known in earlier.items() if name not in new and _is(public / name, known)}
    kept = {name: known for name, known in left.items() if stays(name)}
    manifest = {**about, "files": dict(sorted({**kept, **new}.items()))}
    files.write_text(private / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    # The page that links to the others comes late, and the list of all last.
    come = sorted([*new, MANIFEST], key=lambda name: (name == MANIFEST, name == "index.html", name))
    fresh = [name for name in come if not os.path.lexists(public / name)]
    journal = Journal(private.name, tuple(come), tuple(fresh), tuple(sorted(left.keys() - kept.keys())))
    _note(public, journal)
    try:
        _forward(public, journal)
    except BaseException as error:
        _undo(public, journal)
        if isinstance(error, OSError):
            raise PromotionFailed(
                f"the outputs stay as they were, they cannot be replaced: {error}"
            ) from None
        raise


def settle(public: Path) -> None:
    """Complete a promotion that was killed, so that all files are one run's; only while none goes on."""
    journal = _noted(public)
    if journal is None:
        return
    try:
        _undo(public, journal) if journal.back else _forward(public, journal)
    except OSError:
        if journal.back:
            raise
        _undo(public, journal)


def unsettled(public: Path) -> bool:
    """Say whether a promotion goes on, or was killed."""
    return (public / JOURNAL).exists()


def told(public: Path) -> dict[str, Any] | None:
    """Return what run.json says, or None where there is none, or none that a run wrote."""
    try:
        found = json.loads((public / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    ours = isinstance(found, dict) and isinstance(found.get("files"), dict) and "run" in found
    return found if ours and all(map(_is_known, found["files"].values())) else None


def listed(public: Path) -> dict[str, dict[str, str]]:
    """Return the files that run.json lists: name → sha256 and run; none where no run wrote it."""
    said = told(public) or {"files": {}}
    return {name: known for name, known in said["files"].items() if _is_inside(name)}


def changed(public: Path) -> list[str]:
    """Return the names of listed files that are not, or no longer, what run.json says."""
    return [name for name, known in listed(public).items() if not _is(public / name, known)]


def _forward(public: Path, journal: Journal) -> None:
    private = public / journal.private
    for name in journal.come:
        reached(f"before moving {name} into place")
        if os.path.lexists(private / name):
            _keep(public / name, private / _BEFORE / name)
            (public / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(private / name, public / name)
    for name in journal.go:
        reached(f"before moving {name} out of the way")
        if os.path.lexists(public / name):
            _keep(public / name, private / _BEFORE / name)
            (public / name).unlink()
    reached("after moving all into place")
    _close(public, journal, journal.go)


def _undo(public: Path, journal: Journal) -> None:
    _note(public, replace(journal, back=True))
    private = public / journal.private
    for name in (*journal.come, *journal.go):
        reached(f"before moving {name} back")
        if os.path.lexists(private / _BEFORE / name):
            os.replace(private / _BEFORE / name, public / name)
        elif name in journal.fresh and not os.path.lexists(private / name):
            (public / name).unlink(missing_ok=True)
    _close(public, journal, journal.fresh)


def _close(public: Path, journal: Journal, gone: Sequence[str]) -> None:
    """End a promotion: only now are the earlier files given up."""
    for name in gone:
        _remove_empty_folders(public, (public / name).parent)
    (public / JOURNAL).unlink()
    reached("after the promotion")
    shutil.rmtree(public / journal.private, ignore_errors=True)


def _keep(file: Path, place: Path) -> None:
    """Keep an earlier file under another name too; it stays in its place until the new one replaces it."""
    if os.path.lexists(file) and not os.path.lexists(place):
        files.share(file, place)


def _note(public: Path, journal: Journal) -> None:
    files.write_text(public / JOURNAL, json.dumps(asdict(journal)) + "\n")


def _noted(public: Path) -> Journal | None:
    try:
        found = json.loads((public / JOURNAL).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    come, fresh, go = (tuple(found[name]) for name in ("come", "fresh", "go"))
    return Journal(found["private"], come, fresh, go, found["back"])


def _names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _is_known(known: Any) -> bool:
    return isinstance(known, dict) and {"sha256", "run"} <= known.keys()


def _is_inside(name: str) -> bool:
    return not os.path.isabs(name) and ".." not in Path(name).parts


def _is(file: Path, known: Mapping[str, str]) -> bool:
    return file.is_file() and not file.is_symlink() and files.sha256(file) == known["sha256"]


def _remove_empty_folders(public: Path, folder: Path) -> None:
    while folder != public and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
