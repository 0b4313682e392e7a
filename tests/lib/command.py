"""`python -m akasa report` in a process of its own, on deliveries of the test's."""

import os
import shutil
import subprocess
import sys

from akasa.run import samples
from akasa.workspace.settings import ROOT, Settings


def report(data, *options, code=ROOT, **environment):
    """Run the command with default settings; the data folder's neighbour `outputs` takes what it writes."""
    defaults = {name.upper(): "" for name in Settings.model_fields}
    folders = {"DATA_DIR": str(data), "OUTPUT_DIR": str(data.parent / "outputs")}
    ours = {**defaults, "AKASA_ENV_FILE": os.devnull, "PYTHONPATH": str(code), **folders}
    return subprocess.run(
        [sys.executable, "-m", "akasa", "report", *options],
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
