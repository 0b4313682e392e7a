"""What a kernel imports before its turn, and what it is spared."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from akasa.run import warm
from akasa.run.steps import STEPS


@pytest.mark.parametrize("step", [*STEPS, "00_start"])
def test_what_a_step_uses_can_be_imported(step):
    assert [name for name in warm.uses(step) if find_spec(name) is None] == []
    assert set(warm.USED) <= set(STEPS)


LOADED = """
import gc, json, sys
from types import SimpleNamespace
from akasa.run import warm
warm.load_ipython_extension(SimpleNamespace(kernel=SimpleNamespace(control_thread=None)))
names = {*sys.modules}
import altair, jsonschema, scipy.stats
print(json.dumps([
    gc.isenabled(), gc.get_freeze_count() > 100_000,
    [name for name in sys.argv[1:] if name in names and sys.modules[name] is not None],
    altair.Chart.__name__, float(scipy.stats.norm.cdf(0)),
    sorted(jsonschema.FormatChecker.checkers)[:3],
]))
"""


@pytest.mark.slow
def test_great_expectations_comes_without_what_it_would_draw_with_until_that_is_asked_for():
    asked = "great_expectations", "rfc3987_syntax", "altair.vegalite", "scipy.stats.distributions"
    environment = {**os.environ, warm.STEP: "02_validate"}
    command = [sys.executable, "-c", LOADED, *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    collects, kept, imported, chart, half, checks = json.loads(done.stdout)
    assert (collects, kept) == (True, True)
    assert imported == ["great_expectations"]
    assert (chart, half) == ("Chart", 0.5)
    assert checks == ["color", "date", "date-time"]
