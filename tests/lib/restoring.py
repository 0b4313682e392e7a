"""Whole reports in this process, their outputs, and dumps of a database as docs/operations.md makes them."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

from lib import inprocess

from akasa.publish import backfill
from akasa.run import due, pipeline
from akasa.run.steps import NOTEBOOKS
from akasa.stores import lock
from akasa.workspace import settings
from akasa.workspace.settings import ROOT, Settings

PAGE = ROOT / "docs/operations.md"
EPOCH = "1763200000"  # 15 November 2025


def environment(folder, **changes):
    """Return the environment of a workspace in a folder, on one day, at which the time stands still."""
    defaults = {name.upper(): "" for name in Settings.model_fields}
    folders = {"DATA_DIR": str(folder / "data"), "OUTPUT_DIR": str(folder / "outputs")}
    day = {"SOURCE_DATE_EPOCH": EPOCH, "TODAY": "2025-11-15", "KEEP_RUNS": "0"}
    return {**defaults, "AKASA_ENV_FILE": os.devnull, **day, **folders, **changes}


@contextmanager
def workspace(monkeypatch, folder, **changes):
    """Give the settings of a workspace, and a list of the steps that run: without kernels and audits."""
    with monkeypatch.context() as patched:
        for name, value in environment(folder, **changes).items():
            patched.setenv(name, value)
        ran = []
        with inprocess.steps(NOTEBOOKS, ran):
            yield settings.load(), ran


def report(monkeypatch, folder, force=False, **changes):
    """Make the report of a workspace; return the steps that ran."""
    with workspace(monkeypatch, folder, **changes) as (chosen, ran):
        pipeline.report(chosen, {}, lambda told: None, due.chosen(force))
    return ran


def derive_all(monkeypatch, folder, **changes):
    """Backfill all that a workspace has published."""
    with workspace(monkeypatch, folder, **changes) as (chosen, _), lock.run(chosen):
        backfill.commit(chosen, backfill.derive_all(chosen))


def outputs(folder, without=()):
    """Return the bytes of all outputs by name, but for some, and for what names a run, or the one before."""
    left_out = ("run.json", "changes.json", "history", *without)
    found = (folder / "outputs").rglob("*")
    names = {path.relative_to(folder / "outputs").as_posix(): path for path in found if path.is_file()}
    taken = {name: path.read_bytes() for name, path in names.items() if name.split("/")[0] not in left_out}
    since = rb'\n<section aria-labelledby="since">.*?</section>\n'
    return {**taken, "index.html": re.sub(since, b"", taken["index.html"], flags=re.DOTALL)}


def without_verdicts(found):
    """Leave out how deliveries were accounted for: what was published before is audited without that."""
    page = re.sub(rb"<summary>Audit verdicts: .*?</details>", b"", found["index.html"], flags=re.DOTALL)
    return {
        **{name: one for name, one in found.items() if name != "tables/audit_verdicts.csv"},
        "index.html": page,
    }


def command(begins):
    """Return the one command of the page that begins so, without its comment."""
    (line,) = re.findall(rf"^\$ ({re.escape(begins)}.*?)(?: +# .*)?$", PAGE.read_text("utf-8"), re.MULTILINE)
    return line


def shell(line, folder, **environment):
    """Give a command to a shell in a folder, with this Python."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    given = {"PATH": path, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=given, capture_output=True, text=True, check=False
    )


def without(folder, *names):
    """Take away what was lost of a data folder."""
    for name in names:
        path = folder / "data" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
