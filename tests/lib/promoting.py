"""Promotions that are killed at every place where they can be, and what is in place afterwards.

Run as a script, with `once` or `twice` and a folder: prints, as JSON, what each kill left.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from akasa.workspace import failpoints, promotion

OLD = {"index.html": "old", "kpi.csv": "old", "notebooks/a.html": "old", "notebooks/gone.html": "old"}
NEW = {"index.html": "new", "kpi.csv": "new", "notebooks/a.html": "new", "fresh/b.html": "new"}
KEPT = [  # a user's own files in a workspace
    *("outputs/notebooks/mine.ipynb", "outputs/data_docs/mine.html", "outputs/.run/mine", "outputs/mine.csv"),
    *("outputs/.run-mine/mine", "outputs/.mine.part", "data/failed/mine.ipynb", "data/rejects/mine.csv"),
    *("data/staging/mine.parquet", "data/warehouse/mine", "data/judged/mine", "data/audits/mine.json"),
    "data/profiles/mine.json",
]
BLOCKED = ("free", "blocked", "for a time")
MINE = {"mine.txt": "mine", "notebooks/mine.ipynb": "mine", "fresh.txt": "mine"}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def promote(public, files, run):
    with promotion.private_folder(public) as private:
        write(private, files)
        promotion.promote(private, public, {"run": run})


def contents(public):
    """Return the text of each file, but that of run.json."""
    files = [path for path in public.rglob("*") if path.is_file() and path.name != promotion.MANIFEST]
    return {path.relative_to(public).as_posix(): path.read_text() for path in files}


def run_of(public):
    """Return which run's files are in place, whole and alone beside the user's own; or what is there."""
    found, said = contents(public), promotion.told(public)
    for run, files in {"old": OLD, "new": NEW}.items():
        listed = {name: known["run"] for name, known in said["files"].items()}
        if found == {**files, **MINE} and said["run"] == run and listed == dict.fromkeys(files, run):
            return run if promotion.changed(public) == [] else "a list that is not true"
    return found


def killed(place, act, *arguments):
    """Do something in a process that dies at the nth place; say whether it was killed."""
    child = os.fork()
    if child == 0:
        os.environ[failpoints.VARIABLE] = f"{os.devnull}:{place}"
        with contextlib.suppress(promotion.PromotionFailed):
            act(*arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def begun(folder, blocked):
    """Make a folder in which an old run's files stand among a user's own; `blocked`: none can follow it."""
    shutil.rmtree(folder, ignore_errors=True)
    promote(folder, OLD, "old")
    write(folder, MINE)
    if blocked:
        (folder / "kpi.csv").unlink()
        (folder / "kpi.csv/in the way").mkdir(parents=True)
    return folder


def unblock(folder):
    (folder / "kpi.csv/in the way").rmdir()
    (folder / "kpi.csv").rmdir()
    (folder / "kpi.csv").write_text("old")


def outcomes(folder, how, twice):
    """Return place of the kill → place of a kill of what settles it → what was in place in the end.

    Unless `twice`, what settles it is not killed. `how` says whether, and until when, a file is in the way.
    """
    found = {}
    for first in range(1, 1000):
        inner = {}
        for second in range(1, 1000):
            public = begun(folder, how != "free")
            if not killed(first, promote, public, NEW, "new"):
                return found
            if how == "for a time":
                unblock(public)
            again = twice and killed(second, promotion.settle, public)
            promotion.settle(public)
            if how == "blocked":
                unblock(public)
            with promotion.private_folder(public):
                pass  # sweeps, as the next run does
            inner[second] = run_of(public)
            if not again:
                break
        found[first] = inner
    raise AssertionError("it never ended")


if __name__ == "__main__":
    how_often, place = sys.argv[1:]
    print(json.dumps({how: outcomes(Path(place), how, how_often == "twice") for how in BLOCKED}))
