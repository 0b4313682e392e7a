"""A fifth KPI, put into a copy of the project block by block as docs/CONTRIBUTING.md tells, and run."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from akasa.workspace.settings import ROOT

BLOCK = re.compile(r"`(akasa/[\w/]+\.\w+)`[^\n]*\n\n((?: {3}[^\n]*\n|\n)+)")


def blocks():
    """Return file → what docs/CONTRIBUTING.md says to put at its end."""
    text = (ROOT / "docs/CONTRIBUTING.md").read_text("utf-8")
    section = text[text.index("## Add a KPI") : text.index("## House style")]
    found = {}
    for file, indented in BLOCK.findall(section):
        fence = re.search(r"```\w+\n(.*)```", textwrap.dedent(indented), re.DOTALL)
        found[file] = fence[1]
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project that has the KPI, with the sample for data."""
    copy = tmp_path_factory.mktemp("fifth")
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "data").mkdir()
    for name in ("customers.csv", "orders.xml"):
        shutil.copy(ROOT / "data" / name, copy / "data")
    for file, block in blocks().items():
        with (copy / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n\n{block}" if file.endswith(".py") else block)
    return copy


def python(project, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_blocks_are_those_of_one_definition_one_query_and_one_function_an_engine():
    assert list(blocks()) == [
        "akasa/kpis/definitions.py",
        "akasa/kpis/orders_by_weekday.sql",
        "akasa/kpis/pandas.py",
        "akasa/kpis/dask.py",
    ]


WEEKDAYS = """
import akasa as ak
orders = ak.orders()
days = orders.groupby(orders["order_date"].dt.dayofweek + 1)["order_id"].count()
for engine in ("sql", "pandas", "dask"):
    found = ak.kpi("orders_by_weekday", engine=engine).set_index("weekday")
    assert found["order_count"].to_dict() == days.to_dict(), engine
    assert found["total_revenue"].sum() == orders["total_amount"].sum(), engine
"""
COMPARED = """
import akasa as ak
cfg = ak.settings()
day = ak.kpis.last_day(cfg, "sql", None)
found = ak.kpis.compare(ak.kpis.compute(cfg, "sql", day) | ak.kpis.compute(cfg, "pandas", day))
print(*found["kpi"].unique())
"""


@pytest.mark.long
def test_files_comparison_and_report_follow_from_the_definition(project):
    done = python(project, "-m", "akasa", "report", "--engine", "both")
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = project / "outputs"
    found = json.loads((outputs / "sql_orders_by_weekday.json").read_text("utf-8"))
    lines = ["weekday,order_count,total_revenue"]
    lines += [f"{row['weekday']},{row['order_count']},{row['total_revenue']:.2f}" for row in found]
    for engine in ("pandas", "dask"):
        assert (outputs / f"{engine}_orders_by_weekday.csv").read_text("utf-8").splitlines() == lines
    assert "orders by weekday" in (outputs / "index.html").read_text("utf-8")

    done = python(project, "-c", WEEKDAYS)
    assert done.returncode == 0, done.stderr

    assert python(project, "-c", COMPARED).stdout == "\n"
    file = project / "akasa/kpis/pandas.py"
    file.write_text(file.read_text("utf-8").replace(".dt.dayofweek.add(1)", ".dt.dayofweek.add(0)"), "utf-8")
    assert python(project, "-c", COMPARED).stdout == "orders_by_weekday\n"
