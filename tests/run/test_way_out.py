"""The way out by the error's name; what it offers to change is not the same mistake again."""

import ast
from datetime import date

import pandas as pd
import pytest

from akasa.ingest import staging
from akasa.ingest.readers import RefusedDelivery
from akasa.ingest.staging import Manifest
from akasa.run import way_out
from akasa.run.notebook import Limits
from akasa.validate import gate
from akasa.validate.gate import GateStopped
from akasa.workspace.settings import ROOT

SOURCES = [path.read_text("utf-8") for path in (ROOT / "akasa").rglob("*.py")]
OURS = {one.name for text in SOURCES for one in ast.walk(ast.parse(text)) if isinstance(one, ast.ClassDef)}
PYTHONS = {"MemoryError", "PermissionError", "FileNotFoundError"}


def changes(error):
    """Return the changes that are offered, besides none."""
    first, *others = way_out.ways(type(error).__name__, str(error))
    assert first.changes == {}
    return [dict(way.changes) for way in others]


def test_every_error_with_a_way_out_of_its_own_is_one_that_is_there():
    assert {kind for kind in way_out.KINDS if kind not in OURS} == PYTHONS


def test_the_gate_offers_the_ratio_that_lets_the_delivery_through():
    counts = pd.DataFrame([("a.csv", "new", 3, 2)], columns=["delivery", "status", "records", "rejected"])
    with pytest.raises(GateStopped) as stopped:
        gate.require_few_rejected(counts, 0.1)
    assert changes(stopped.value) == [{"MAX_REJECT_RATIO": "0.67"}]


def test_an_audit_that_fails_has_no_setting_that_lets_it_pass():
    row = ("orders", "unique", "order_id", "critical", False, 1)
    columns = ["table", "expectation", "column", "severity", "success", "unexpected"]
    verdicts = pd.DataFrame([row], columns=columns)
    with pytest.raises(GateStopped) as stopped:
        gate.require_success(verdicts)
    assert changes(stopped.value) == []


def test_a_refused_file_can_be_passed_over():
    with pytest.raises(RefusedDelivery) as refused:
        staging.require_none_refused(Manifest((), ("a.xml: line 3: broken",), ()), "stop")
    assert changes(refused.value) == [{"ON_REFUSED": "skip"}]


@pytest.mark.parametrize(
    ("limits", "offered"),
    [
        (Limits(cell=60), {"CELL_TIMEOUT": "600"}),
        (Limits(cell=60, run=0.5), {"RUN_TIMEOUT": "5"}),
        (Limits(), None),
    ],
)
def test_what_took_too_long_is_given_more_time(limits, offered):
    first, *others = way_out.ways("TookTooLong", f"in cell 3 of 9, {limits.broken(1.0)}")
    assert first.changes == {}
    assert [dict(way.changes) for way in others] == ([offered] if offered else [])


def test_who_is_busy_is_waited_for_longer():
    said = "process 7 (run ab) holds /data; waited 60 s. Try again when it is done, or set LOCK_TIMEOUT."
    assert [dict(way.changes) for way in way_out.ways("Busy", said)] == [{}, {"LOCK_TIMEOUT": "600"}]
    at_once = said.replace("60 s", "0 s")
    assert [dict(way.changes) for way in way_out.ways("Busy", at_once)] == [{}, {"LOCK_TIMEOUT": "60"}]


def test_a_cluster_can_be_done_without():
    assert way_out.ways("ClusterUnavailable", "x")[1].changes == {"ENGINE": "pandas"}


def test_of_an_error_that_nobody_knew_of_the_cause_is_to_be_mended():
    (way,) = way_out.ways("ZeroDivisionError", str(date.max))
    assert (way.words, dict(way.changes)) == (way_out.MENDED, {})
