"""However a run ends, its events say so, and its metrics are written."""

import io
import json
import time
from types import SimpleNamespace

import pytest
from lib import prometheus
from lib.drops import customers, deliver, orders, run
from lib.ports import free_port

from akasa.ingest import staging
from akasa.run import metrics, watch
from akasa.run.console import Stopped
from akasa.run.told import Ended, StepFailed
from akasa.workspace import events, settings

CUSTOMERS = customers(("C-1", "9000000001", "North"), ("C-2", "12", "South"))
ORDERS = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"))
AGAIN = orders(("O-2", "9000000001", "2025-10-13 10:00", "SKU-1", 1, "10.00"))


@pytest.fixture
def watched(migrated, monkeypatch, tmp_path):
    """Settings that have metrics written and events printed."""
    monkeypatch.setenv("METRICS_FILE", str(tmp_path / "metrics/akasa.prom"))
    monkeypatch.setenv("LOG_FORMAT", "json")
    yield settings.load()
    monkeypatch.undo()
    events.begin(settings.load())


def ran(settings, *ends, error=None):
    """Return what a run logs that ends so many steps, and then raises or is done."""
    stream = io.StringIO()
    events.begin(settings, stream)
    heard = []
    of = SimpleNamespace(id="0a1b", events_file=settings.data_dir / ".run.events-0a1b")
    try:
        with watch.over(settings, heard.append) as listener:
            listener.follow(of)
            of.events_file.write_text('{"created": 1, "level": 20, "event": "of a kernel"}\n')
            for end in ends:
                listener(end)
            if error:
                raise error
    except type(error or ValueError()):
        pass
    assert heard == [*ends]
    assert not of.events_file.exists()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_run_logs_its_steps_with_its_name_and_what_its_kernels_tell(watched):
    (watched.data_dir / ".run.events-killed").write_text("left by a run that was killed")
    told = ran(watched, Ended("01_ingest", "done", 1.25), Ended("02_validate", "up to date", 0.0))
    assert {line["run"] for line in told} == {"0a1b"}
    assert [line["event"] for line in told] == [
        *("run started", "of a kernel", "step ended", "step ended", "run ended")
    ]
    assert [(line["step"], line["status"], line["seconds"]) for line in told[2:4]] == [
        ("01_ingest", "done", 1.25),
        ("02_validate", "up to date", 0.0),
    ]
    assert not (watched.data_dir / ".run.events-killed").exists()


@pytest.mark.parametrize(
    ("error", "level", "status", "named"),
    [
        (StepFailed("02_validate", "GateStopped: Asha Rao", None), "error", "failed", "GateStopped"),
        (StepFailed("02_validate", "Asha Rao", None), "error", "failed", "StepFailed"),
        (KeyError("Asha Rao"), "error", "failed", "KeyError"),
        (Stopped(15), "warning", "stopped", "Stopped"),
    ],
)
def test_a_run_that_fails_names_the_error_and_nobody(watched, error, level, status, named):
    told = ran(watched, error=error)[-1]
    assert (told["event"], told["level"], told["status"], told["error"]) == (
        "run ended",
        level,
        status,
        named,
    )
    assert told["step"] == getattr(error, "step", None)
    assert "Asha" not in str(told)


def test_metrics_say_what_was_published_and_how_the_run_went(watched):
    deliver(watched, ("customers.csv", CUSTOMERS), ("orders.xml", ORDERS))
    deliver(
        watched, ("incoming/orders_2025-11-12.xml", AGAIN), ("incoming/orders_2025-11-13.xml", b"<orders>")
    )
    run(watched)
    before = time.time()
    ran(watched, Ended("01_ingest", "done", 1.25), Ended("02_validate", "done", 2.5))
    found = prometheus.read(watched.metrics_file)
    assert before <= found.pop(("last_run_timestamp_seconds",)) <= time.time()
    assert before <= found.pop(("last_success_timestamp_seconds",)) <= time.time()
    assert before - 60 < found.pop(("latest_delivery_timestamp_seconds",)) < before
    assert 0 < found.pop(("freshness_seconds",)) < 60
    assert 0 < found.pop(("last_run_seconds",)) < 60
    assert found == {
        ("last_run_success",): 1,
        ("step_seconds", "01_ingest"): 1.25,
        ("step_seconds", "02_validate"): 2.5,
        ("refused_files",): 1,
        ("deliveries", "customers"): 1,
        ("deliveries", "orders"): 2,
        ("records", "customers", "accepted"): 1,
        ("records", "customers", "rejected"): 1,
        ("records", "customers", "repeat"): 0,
        ("records", "orders", "accepted"): 2,
        ("records", "orders", "rejected"): 0,
        ("records", "orders", "repeat"): 0,
        ("rows", "customers"): 1,
        ("rows", "orders"): 2,
        ("rows", "order_items"): 2,
        ("rows", "holdings"): 1,
    }
    assert [path.name for path in watched.metrics_file.parent.iterdir()] == ["akasa.prom"]


def test_a_failed_run_keeps_the_last_success_and_says_when_it_failed(watched):
    ran(watched)
    good = prometheus.read(watched.metrics_file)
    for error in (ValueError("no"), Stopped(2)):
        ran(watched, error=error)
        bad = prometheus.read(watched.metrics_file)
        assert bad["last_run_success",] == 0
        assert bad["last_success_timestamp_seconds",] == good["last_success_timestamp_seconds",]
        assert bad["last_run_timestamp_seconds",] > good["last_run_timestamp_seconds",]


def test_without_a_success_before_there_is_none(watched):
    watched.metrics_file.parent.mkdir()
    for there in (None, "not metrics {", "akasa_last_run_success 0\n"):
        if there:
            watched.metrics_file.write_text(there)
        ran(watched, error=ValueError("no"))
        assert ("last_success_timestamp_seconds",) not in prometheus.read(watched.metrics_file)
        assert metrics.last_success(watched.metrics_file) is None


def test_a_database_that_is_away_leaves_out_what_it_alone_knows(watched, capsys):
    deliver(watched, ("customers.csv", CUSTOMERS))
    staging.stage_all(watched)
    away = watched.model_copy(update={"db_host": "127.0.0.1", "db_port": free_port()})
    ran(away, error=ValueError("no"))
    found = prometheus.read(watched.metrics_file)
    assert found["last_run_success",] == 0
    assert {name for name, *_ in found}.isdisjoint({"rows", "deliveries", "records", "freshness_seconds"})
    assert "warning: what is published is not among the metrics: " in capsys.readouterr().err


def test_metrics_that_cannot_be_written_are_a_warning(watched, capsys, tmp_path):
    (tmp_path / "metrics").write_text("a file")
    told = ran(watched)
    assert told[-1]["status"] == "done"
    assert "warning: METRICS_FILE cannot be written: " in capsys.readouterr().err


def test_metrics_are_for_the_collector_to_find(monkeypatch):
    monkeypatch.setenv("METRICS_FILE", "/var/lib/akasa.txt")
    with pytest.raises(settings.SettingsError, match=r"METRICS_FILE: .*\.prom"):
        settings.load()
