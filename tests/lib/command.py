"""`python -m akasa report` in a process of its own, on deliveries of the test's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from akasa.run import samples
from akasa.workspace.settings import ROOT, Settings

QUICK = Path(__file__).with_name("quick.py")


def report(data, *options, code=ROOT, **environment):
    """Run the command with default settings; the data folder's neighbour `outputs` takes what it writes."""
    return _run([sys.executable, "-m", "akasa", "report", *options], data, code, environment)


def quick_report(data, *options, **environment):
    """Run it without kernels, which take ten of its fourteen seconds, and without what `inprocess` lacks."""
    ours = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(QUICK.parents[1])]), **environment}
    return _run([sys.executable, str(QUICK), "-m", "akasa", "report", *options], data, ROOT, ours)


def _run(command, data, code, environment):
    defaults = {name.upper(): "" for name in Settings.model_fields}
    folders = {"DATA_DIR": str(data), "OUTPUT_DIR": str(data.parent / "outputs")}
    ours = {**defaults, "AKASA_ENV_FILE": os.devnull, "PYTHONPATH": str(code), **folders}
    return subprocess.run(
        command,
        cwd=code,
        env={**os.environ, **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def sample(folder):
    """Copy the bundled sample into a new data folder; return that folder."""
    data = folder / "data"
    data.mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, data)
    return data
