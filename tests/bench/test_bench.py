"""The benchmark itself: who differs is not timed, who is slow runs less often, and targets are judged."""

import json
import subprocess
import sys

import pytest
from lib import mariadb

from akasa.workspace.settings import ROOT
from bench import harness, targets


def four(clock):
    with clock:
        return 4


def five(clock):
    with clock:
        return 5


def slow(clock):
    clock.seconds = harness.SLOW_SECONDS + 1
    return 4


def test_contenders_that_agree_are_timed_side_by_side():
    rows = harness.race({"one": four, "other": four}, (), 2, 10)
    assert [(row["what"], row["runs"]) for row in rows] == [("one", 2), ("other", 2)]
    assert rows[0]["ratio"] == 1
    assert all(row["peak_mb"] > 10 for row in rows)


def test_a_contender_with_another_answer_stops_the_race():
    with pytest.raises(harness.PeersDisagree, match="other answers 5, one 4"):
        harness.race({"one": four, "other": five}, (), 1, 10)


def test_a_slow_contender_gets_no_further_turn():
    rows = harness.race({"one": four, "other": slow}, (), 3, 10)
    assert [row["runs"] for row in rows] == [3, 1]


def test_targets_are_judged_by_the_rows_of_one_run():
    tables = {
        "reading 10 order lines": [
            {"what": "empty_expat_pass", "seconds": 2.0, "ratio": 1.0, "peak_mb": 9},
            {"what": "ours", "seconds": 4.2, "ratio": 2.1, "peak_mb": 400},
            {"what": "pandas_read_xml", "seconds": 42.0, "ratio": 21.0, "peak_mb": 9},
        ]
    }
    assert [tuple(row.values()) for row in targets.judge(tables, 10)] == [
        ("orders XML / empty expat pass", "≤ 2", "2.10", "NO"),
        ("pandas.read_xml / orders XML", "≥ 9", "10.00", "yes"),
        ("orders XML, peak MB", "≤ 400", "400.00", "yes"),
    ]


def test_the_fastest_of_those_that_took_part_is_the_peer():
    rows = [("akasa pandas", 2.0), ("DuckDB", 3.2), ("Polars", 4.0), ("chDB", 3.1)]
    tables = {
        "four KPIs of 10 orders": [{"what": what, "seconds": taken, "peak_mb": 9} for what, taken in rows]
    }
    judged = {row["target"]: row for row in targets.judge(tables, 10)}
    fastest = judged["fastest of DuckDB, Polars, DataFusion, chDB / pandas KPIs"]
    assert (fastest["limit"], fastest["measured"], fastest["met"]) == ("≥ 1.5", "1.55", "yes")


@pytest.mark.slow
def test_every_reader_of_the_benchmark_reads_the_same(workspace):
    command = [sys.executable, "-m", "bench", "20000", "1", "reading,judging"]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pandas.read_xml / orders XML" in done.stdout
    assert (workspace.output_dir / "bench" / "20000.json").exists()


@pytest.mark.long
@pytest.mark.parametrize("stage", ["loads", "days", "backlog", "kpis", "many"])
def test_every_stage_of_the_benchmark_runs(stage, workspace):
    """Left out are those that take minutes at any size: `disk` publishes sixty days, `reports` runs many."""
    if stage == "loads":
        mariadb.required()
    command = [sys.executable, "-m", "bench", "20000", "1", stage]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tables = json.loads((workspace.output_dir / "bench" / "20000.json").read_text("utf-8"))["tables"]
    assert all(row["seconds"] > 0 for rows in tables.values() for row in rows)
