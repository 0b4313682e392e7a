"""The command that a failure prints, given to a shell as it is printed, runs, and not into the same again."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from lib.command import report, sample
from lib.incoming import BAD_CUSTOMERS, BROKEN_ORDERS, laid

from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.slow

CODE = ("Makefile", "requirements.lock", "pyproject.toml", ".env.example", ".ci", "akasa", "notebooks")


def printed(failed):
    """Return the commands that a failure prints, each in a line of its own."""
    return re.findall(r"^ {13}(\S.*)$", failed.stderr, re.MULTILINE)


def shell(line, folder, **environment):
    """Run a line in a shell that knows nothing of what was before."""
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        line, shell=True, cwd=folder, env=given, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path):
    """A copy of the project in a folder with a space, with this interpreter as its .venv, and the sample."""
    folder = tmp_path / "a folder"
    sample(folder)
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (folder / ".venv/.has-report").touch()
    return folder


@pytest.mark.long
def test_of_make_a_refused_file_is_passed_over_and_a_bad_delivery_let_through_as_printed(project):
    laid(project / "data", "orders_2025-11-11.xml", BROKEN_ORDERS)
    laid(project / "data", "customers_2025-11-11.csv", BAD_CUSTOMERS)
    given = "make report AS_OF=2025-11-10"

    refused = shell(f"{given} TOP_N=3", project)
    assert refused.returncode == 2
    assert printed(refused) == [f"{given} TOP_N=3", f"{given} TOP_N=3 ON_REFUSED=skip"]

    stopped = shell(printed(refused)[1], project)
    assert "GateStopped" in stopped.stderr
    given = "make report AS_OF=2025-11-10 ON_REFUSED=skip TOP_N=3"
    assert printed(stopped) == [given, f"{given} MAX_REJECT_RATIO=0.50"]

    done = shell(printed(stopped)[1], project)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    turned_away = "9 of 102 turned away (data/rejects/) · 1 file refused"
    proved = r"sql = pandas, \d+ totals tie → outputs/index.html"
    answer = rf"up to 10 Nov 2025 · 28 orders · ₹3,42,559.50 · {re.escape(turned_away)} · {proved}"
    assert re.fullmatch(rf"done in [\w. ]+: {answer}", last)
    assert "C1" not in (project / "outputs/sql_repeat_customers.json").read_text("utf-8")
    page = (project / "outputs/index.html").read_text("utf-8").replace("<wbr>", "")
    assert "orders_2025-11-11.xml, line 3" in page


def test_of_make_that_was_called_elsewhere_the_folder_is_named(project, tmp_path):
    """And a database that is not there is said to be started; nothing was run but the command itself."""
    where = f"make -C '{project}' migrate"
    away = shell(f"{where} DB_HOST=127.0.0.1 DB_PORT=1", tmp_path)
    assert away.returncode == 2
    assert "start the database" in away.stderr
    assert printed(away) == [f"{where} DB_HOST=127.0.0.1 DB_PORT=1"]
    assert shell(printed(away)[0], tmp_path / "a folder/data").stderr == away.stderr


@pytest.mark.long
def test_of_python_the_printed_command_goes_on_when_the_file_is_mended(tmp_path):
    data = laid(sample(tmp_path / "a folder"), "orders_2025-11-11.xml", BROKEN_ORDERS)
    refused = report(data, "--engine", "pandas")
    shutil.copy(data / "orders.xml", data / "incoming/orders_2025-11-11.xml")
    done = shell(printed(refused)[0], ROOT, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(f" → {data.parent}/outputs/index.html")
