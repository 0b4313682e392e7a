"""A report's answer, against files made by hand and the ledger of a small delivery."""

import json

import pytest
from lib import drops

from akasa.run import outcomes

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
        written = {
            "sql_monthly_trends.json": MONTHS if as_of else "[]\n",
            "parameters.sql.json": json.dumps({"as_of": as_of, "window_days": 30, "top_n": 10}),
            "proof.json": json.dumps({"engines": ["sql", "dask"], "differences": 0, "totals": totals}),
        }
        for name, text in written.items():
            (migrated.output_dir / name).write_text(text)
        return outcomes.reported(migrated, migrated.output_dir)

    return left


def test_the_day_orders_revenue_what_was_turned_away_and_the_proof(reported):
    assert reported() == (
        "up to 2 Nov 2025 · 1,234 orders · ₹1,00,00,000.30 · 1 of 2 turned away (data/rejects/) · "
        "sql = dask, 2 totals tie"
    )


def test_files_that_were_refused_are_counted(reported):
    assert " turned away (" in reported(refused=["a.xml: line 3"])
    assert " · 1 file refused · sql" in reported(refused=["a.xml: line 3"])
    assert " · 2 files refused · sql" in reported(refused=["a.xml: line 3", "b.xml: empty"])


def test_without_orders_no_day_and_no_revenue_is_made_up(reported):
    assert reported(as_of=None, totals=TIES).startswith("no orders · 1 of 2 turned away (")
    assert reported(as_of=None, totals=TIES).endswith(" · sql = dask, 1 total ties")
