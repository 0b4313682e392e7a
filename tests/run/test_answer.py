"""The last line of a report, against files made by hand and the ledger of two small deliveries."""

import json

import pytest
from lib import drops

from akasa.run.answer import answer
from akasa.workspace import promotion

MONTHS = """[
{"year": 2025, "month": 10, "order_count": 1200, "total_revenue": 10000000.10},
{"year": 2025, "month": 11, "order_count": 34, "total_revenue": 0.20}
]"""
TIES = [{"name": "orders", "values": {"a": 1, "b": 1}, "ties": True}]


@pytest.fixture
def reported(migrated):
    """A workspace with two records of which one is turned away, and a function that leaves a run's files."""
    drops.deliver(
        migrated, ("customers.csv", drops.customers(("C1", "9876543210", "North"), ("C2", "1", "")))
    )
    drops.run(migrated)

    def left(as_of="2025-11-02", refused=(), totals=TIES * 2):
        manifest = {"staged": [], "refused": list(refused), "warnings": []}
        (migrated.staging / "manifest.json").write_text(json.dumps(manifest))
        proof = {"engines": ["sql", "dask"], "differences": 0, "totals": totals}
        with promotion.private_folder(migrated.output_dir) as private:
            private.mkdir()
            (private / "sql_monthly_trends.json").write_text(MONTHS if as_of else "[]\n")
            (private / "proof.json").write_text(json.dumps(proof))
            promotion.promote(private, migrated.output_dir, {"run": "a run", "as_of": as_of})
        return answer(migrated, migrated.output_dir / "index.html")

    return left


def test_the_day_orders_revenue_what_was_turned_away_and_the_proof(reported, workspace, monkeypatch):
    monkeypatch.chdir(workspace.data_dir.parent)
    assert reported() == (
        "up to 2 Nov 2025 · 1,234 orders · ₹1,00,00,000.30 · 1 of 2 turned away (data/rejects/) · "
        "sql = dask, 2 totals tie → outputs/index.html"
    )


def test_files_that_were_refused_are_counted(reported):
    assert " turned away (" in reported(refused=["a.xml: line 3"])
    assert " · 1 file refused · sql" in reported(refused=["a.xml: line 3"])
    assert " · 2 files refused · sql" in reported(refused=["a.xml: line 3", "b.xml: empty"])


def test_without_orders_no_day_and_no_revenue_is_made_up(reported):
    assert reported(as_of=None, totals=TIES).startswith("no orders · 1 of 2 turned away (")
    assert " · sql = dask, 1 total ties → " in reported(as_of=None, totals=TIES)
