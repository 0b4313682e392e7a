"""Failpoints: a process dies at the place that was asked for, whichever of its threads comes there."""

import os
import subprocess
import sys

from akasa.workspace import failpoints
from akasa.workspace.settings import ROOT

MANY_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from akasa.workspace.failpoints import reached
with ThreadPoolExecutor(8) as pool:
    list(pool.map(reached, ["here"] * 200))
"""


def test_threads_that_come_at_once_are_counted_one_by_one(tmp_path):
    for place in (1, 3, 100):
        log = tmp_path / f"log{place}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), failpoints.VARIABLE: f"{log}:{place}"}
        ended = subprocess.run([sys.executable, "-c", MANY_THREADS], env=environment, check=False)
        assert ended.returncode == -9
        assert log.read_text().splitlines() == [f"{n} here" for n in range(1, place + 1)]
