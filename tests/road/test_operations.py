"""A scheduled run as those see it who watch it: its events and its metrics, which name nobody."""

import json
import re
import shutil
from collections import defaultdict

import pytest
from lib import prometheus
from lib.command import report

pytestmark = pytest.mark.slow

BAD = b"customer_id,customer_name,mobile_number,region\nC-1,Asha Canary,12,North\n"


def events(result):
    """Return what is logged on stderr; and all other lines of it, but those that tell how far a step is."""
    lines = [line for line in result.stderr.splitlines() if not re.search(r" cell \d+ of ", line)]
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    return logged, [line for line in lines if not line.startswith("{")]


def copied(reported, folder):
    """Return a copy of a reported workspace with metrics of an earlier success, and then a bad delivery."""
    shutil.copytree(reported.parent, folder)
    earlier = "akasa_last_success_timestamp_seconds 1762738500.0\n"
    (folder / "akasa.prom").write_text(earlier, "utf-8")
    (folder / "data/incoming").mkdir()
    (folder / "data/incoming/customers_9700000014_2025-11-11.csv").write_bytes(BAD)
    return folder / "data"


def test_a_run_that_the_gate_stops_is_seen_from_outside_and_nobody_in_it(reported, tmp_path):
    """Though a number stands in the file's name, and a name in it."""
    data = copied(reported, tmp_path / "w")
    file = data.parent / "akasa.prom"
    result = report(data, LOG_FORMAT="json", METRICS_FILE=str(file))
    assert result.returncode == 1
    logged, _ = events(result)
    name = "incoming/customers_97xxxxxx14_2025-11-11.csv"
    told = [(one["event"], one.get("step"), one.get("delivery"), one.get("rejected")) for one in logged]
    assert told == [
        ("run started", None, None, None),
        ("delivery read", None, name, None),
        ("step ended", "01_ingest", None, None),
        ("delivery judged", None, name, 1),
        ("run ended", "02_validate", None, None),
    ]
    assert len({one["run"] for one in logged}) == 1
    assert (logged[-1]["level"], logged[-1]["status"], logged[-1]["error"]) == (
        *("error", "failed", "GateStopped"),
    )
    assert logged == sorted(logged, key=lambda one: one["time"])
    assert not re.search("9700000014|Canary", json.dumps(logged))
    assert list(data.glob(".run*events*")) == []

    found = prometheus.read(file)
    assert found["last_run_success",] == 0
    assert found["last_success_timestamp_seconds",] == 1762738500.0
    assert found["last_run_timestamp_seconds",] > 1762738500.0
    assert found["rows", "orders"] == 28
    assert found["records", "orders", "rejected"] == 6
    assert [key for key in found if key[0] == "step_seconds"] == [("step_seconds", "01_ingest")]


@pytest.mark.long
def test_logging_changes_no_word_of_the_console(tmp_path, reported):
    data = copied(reported, tmp_path / "w")
    silent, logging = report(data), report(data, LOG_FORMAT="json", LOG_LEVEL="DEBUG")
    assert {silent.returncode, logging.returncode} == {1}
    assert events(silent)[0] == []
    assert events(logging)[0] != []
    assert [line.replace(" LOG_FORMAT=json LOG_LEVEL=DEBUG", "") for line in events(logging)[1]] == (
        events(silent)[1]
    )
    said = [re.sub(r" +[\d.]+ s\b", "", one.stdout) for one in (silent, logging)]
    assert said[0] == said[1]


@pytest.mark.long
def test_a_run_that_is_done_logs_every_step_and_delivery_once(tmp_path, reported):
    data = tmp_path / "w/data"
    data.mkdir(parents=True)
    for name in ("customers.csv", "orders.xml"):
        shutil.copy(reported / name, data)
    file = tmp_path / "akasa.prom"
    result = report(data, LOG_LEVEL="DEBUG", LOG_FORMAT="json", METRICS_FILE=str(file))
    assert result.returncode == 0, result.stderr
    logged, _ = events(result)
    by_event = defaultdict(list)
    for one in logged:
        by_event[one["event"]].append(one)
    steps = ["01_ingest", "02_validate", "03_kpis_sql", "04_kpis_memory", "05_report"]
    assert [one["step"] for one in by_event["step ended"]] == steps
    for event in ("delivery read", "delivery judged", "delivery published"):
        found = {one["delivery"]: one["records"] for one in by_event[event]}
        assert found == {"customers.csv": 23, "orders.xml": 77}, event
        assert len(by_event[event]) == 2
    run = json.loads((data.parent / "outputs/run.json").read_text("utf-8"))["run"]
    assert by_event["run ended"][0]["outputs"] == run
    found = prometheus.read(file)
    assert (found["last_run_success",], found["rows", "order_items"]) == (1, 70)
    assert [key[1] for key in found if key[0] == "step_seconds"] == steps
    assert found["last_success_timestamp_seconds",] == found["last_run_timestamp_seconds",]
