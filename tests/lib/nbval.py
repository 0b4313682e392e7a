"""nbval, in a process of its own."""

import os
import subprocess
import sys

from akasa.workspace.settings import ROOT


def nbval(notebooks, environment):
    """Run nbval on notebooks in their order, in a process and workspace of its own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", str(ROOT), *map(str, notebooks)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
