"""A range of days derived again: exactly the orders whose rule changed move, and nothing else."""

from datetime import date

import pandas as pd
import pytest
from click.testing import CliRunner
from lib.drops import customers, deliver, orders, run
from lib.stores import in_database, in_warehouse, rows

from akasa.__main__ import main
from akasa.kpis import engines, reconcile, results
from akasa.publish import backfill, differences, level
from akasa.stores import database, migrate, warehouse
from akasa.validate import cleaning, gate, quarantine

FIRST, LAST = date(2025, 9, 1), date(2025, 9, 30)
NEW_PREFIX = "5000000001"  # not accepted until the rule changes

DELIVERIES = [
    ("customers.csv", customers(("C-1", "9000000001", "North"))),
    (
        "orders.xml",
        orders(
            ("O-1", "9000000001", "2025-08-31 23:59", "SKU-1", 1, "1.00"),
            ("O-2", "9000000001", "2025-09-01 00:00", "SKU-1", 1, "2.00"),
            ("O-3", NEW_PREFIX, "2025-08-31 10:00", "SKU-1", 1, "4.00"),
            ("O-4", NEW_PREFIX, "2025-09-01 10:00", "SKU-1", 1, "8.00"),
            ("O-4", NEW_PREFIX, "2025-09-01 10:00", "SKU-2", 2, "8.00"),
            ("O-5", NEW_PREFIX, "2025-09-30 23:59", "SKU-1", 1, "16.00"),
            ("O-6", NEW_PREFIX, "2025-10-01 00:00", "SKU-1", 1, "32.00"),
            ("O-7", "4000000001", "2025-09-02 10:00", "SKU-1", 1, "64.00"),
            *((f"O-1{n}", "9000000001", "2025-10-02 10:00", "SKU-1", 1, "0.00") for n in range(60)),
        ),
    ),
]


@pytest.fixture(params=["SQLite", "MariaDB"])
def published(request, workspace):
    """A workspace that published DELIVERIES while the new prefix was not accepted."""
    cfg = (
        workspace if request.param == "SQLite" else request.getfixturevalue("on_mariadb")(DB_LOCAL_INFILE="1")
    )
    deliver(cfg, *DELIVERIES)
    run(cfg)
    return cfg


def accept_prefix_5(monkeypatch):
    monkeypatch.setattr(cleaning, "NATIONAL_NUMBER", "[5-9][0-9]{9}")


def backfilled(cfg, first=FIRST, last=LAST):
    change = backfill.derive(cfg, first, last)
    backfill.commit(cfg, change)
    return change


def months(change):
    return differences.monthly(change).to_dict("records")


def of_orders(content, *ids):
    return {name: [row for row in content[name] if row[0] in ids] for name in ("orders", "order_items")}


def quarantined(cfg):
    found = [quarantine.read(file) for file in sorted(cfg.quarantine.glob("*.csv"))]
    return {(row.record, row.order_id): row.reasons for file in found for row in file.itertuples()}


def test_a_newly_accepted_prefix_moves_the_orders_of_the_range_and_no_other(published, monkeypatch):
    before, rejected = rows(published), quarantined(published)
    other_months = [file for file in warehouse.files("orders", published) if "2025-09" not in file]
    accept_prefix_5(monkeypatch)
    change = backfilled(published)
    assert sorted(change.orders.added) == ["O-4", "O-5"]
    after = rows(published)
    assert of_orders(after, "O-4", "O-5")["order_items"] == [
        ("O-4", "SKU-1", 1, None, after["orders"][0][5]),
        ("O-4", "SKU-2", 2, None, after["orders"][0][5]),
        ("O-5", "SKU-1", 1, None, after["orders"][0][5]),
    ]
    for name, moved in of_orders(after, "O-4", "O-5").items():
        assert [row for row in after[name] if row not in moved] == before[name]
    assert after["customers"] == before["customers"]
    assert [file for file in warehouse.files("orders", published) if "2025-09" not in file] == other_months
    assert quarantined(published) == {
        place: reasons for place, reasons in rejected.items() if place[1] in ("O-3", "O-6", "O-7")
    }


def test_the_months_say_what_changes(published, monkeypatch):
    accept_prefix_5(monkeypatch)
    change = backfill.derive(published, date(2025, 8, 1), LAST)
    assert months(change) == [
        {
            "month": "2025-08",
            "added": 1,
            "changed": 0,
            "removed": 0,
            "revenue_before": 100,
            "revenue_after": 500,
        },
        {
            "month": "2025-09",
            "added": 2,
            "changed": 0,
            "removed": 0,
            "revenue_before": 200,
            "revenue_after": 2600,
        },
    ]


def test_totals_tie_after_a_backfill_and_after_the_next_publish(published, monkeypatch):
    accept_prefix_5(monkeypatch)
    backfilled(published)

    def all_tie():
        for engine in ("sql", "pandas"):
            computed = engines.compute(published, engine, date(2025, 11, 15))
            results.write_results(published, computed, date(2025, 11, 15))
        proof = reconcile.prove(published, "pandas")
        reconcile.require_agreement(proof)
        return proof.results["sql"]["monthly_trends"]["total_revenue"].tolist()

    assert all_tie() == [100, 2600, 0]
    deliver(
        published, ("incoming/2025-11-12.xml", orders(("O-9", "9000000001", "2025-11-11 10:00", "S", 1, "3")))
    )
    run(published)
    assert all_tie() == [100, 2600, 0, 300]


def test_what_the_rules_no_longer_accept_is_removed_and_quarantined(published, monkeypatch):
    monkeypatch.setattr(cleaning, "NATIONAL_NUMBER", "[78][0-9]{9}")
    monkeypatch.setattr("akasa.validate.gate.require_few_rejected", lambda counts, ratio: None)
    change = backfilled(published)
    assert (change.orders.removed.tolist(), change.orders.added.tolist()) == (["O-2"], [])
    assert [row[0] for row in rows(published)["orders"]].count("O-2") == 0
    assert quarantined(published)["2", "O-2"] == "invalid_mobile_number"
    assert ("1", "O-1") not in quarantined(published)


def test_a_changed_value_replaces_the_order_with_its_items(published, monkeypatch):
    amounts, counts = cleaning.amounts, cleaning.counts
    monkeypatch.setattr(cleaning, "amounts", lambda text: cleaning.pc.multiply(amounts(text), 2))
    monkeypatch.setattr(cleaning, "counts", lambda text: cleaning.pc.add(counts(text), 1))
    change = backfilled(published)
    assert change.orders.changed.tolist() == ["O-2"]
    assert months(change)[0]["revenue_before"] == 200
    found = of_orders(rows(published), "O-1", "O-2")
    assert [row[4] for row in found["orders"]] == [100, 400]
    assert [row[2] for row in found["order_items"]] == [1, 2]


def test_orders_that_would_cross_the_border_stay_and_are_listed(published, monkeypatch):
    before = rows(published)
    times = cleaning.times

    def a_day_later(*arguments):
        return cleaning.pc.add(times(*arguments), pd.Timedelta(days=1).to_pytimedelta())

    monkeypatch.setattr(cleaning, "times", a_day_later)
    change = backfilled(published, FIRST, date(2025, 9, 1))
    assert change.staying.astype("str").values.tolist() == [
        ["O-1", "2025-08-31", "2025-09-01"],
        ["O-2", "2025-09-01", "2025-09-02"],
    ]
    assert rows(published) == before


def test_a_dry_run_changes_nothing_and_shows_all(published, monkeypatch):
    accept_prefix_5(monkeypatch)
    before, rejected = (in_database(published), in_warehouse(published)), quarantined(published)
    command = ["backfill", "--start", "2025-09-01", "--end", "2025-09-30", "--dry-run"]
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0, shown.output
    assert "2025-09      2        0        0          ₹2.00        ₹26.00" in shown.output
    assert "dry run: nothing was changed" in shown.output
    assert ((in_database(published), in_warehouse(published)), quarantined(published)) == (before, rejected)


def test_a_backfill_again_finds_nothing_to_change(published, monkeypatch):
    accept_prefix_5(monkeypatch)
    backfilled(published)
    before = in_database(published), database.ledger(published).to_dict("records")
    change = backfilled(published)
    assert not len(change.orders.all)
    assert (in_database(published), database.ledger(published).to_dict("records")) == before


def test_a_warehouse_made_anew_holds_what_the_backfill_left(published, monkeypatch):
    with monkeypatch.context() as patched:
        accept_prefix_5(patched)
        backfilled(published)
    before = rows(published)
    (published.warehouse / "deliveries").rename(published.warehouse / "gone")
    level.level_warehouse(published)
    assert rows(published) == before


@pytest.mark.parametrize(("content", "what"), [(None, "disappeared"), (b"<orders/>", "changed")])
def test_a_delivery_that_is_not_as_it_was_stops_it_with_its_name(workspace, content, what):
    deliver(workspace, *DELIVERIES)
    run(workspace)
    delivered = workspace.data_dir / "orders.xml"
    kept = delivered.read_bytes()
    delivered.unlink()
    if content:
        delivered.write_bytes(content)
    stopped = CliRunner().invoke(main, ["backfill", "--start", "2025-09-01", "--end", "2025-09-30"])
    assert stopped.exit_code == 1
    assert f"orders.xml has {what} since it was published" in stopped.output
    deliver(workspace, ("incoming/again.xml", kept))
    again = CliRunner().invoke(main, ["backfill", "--start", "2025-09-01", "--end", "2025-09-30"])
    assert again.exit_code == 0, again.output


def test_a_broken_audit_publishes_nothing(published, monkeypatch):
    monkeypatch.setattr(cleaning, "mobiles", lambda text: text)
    before = in_database(published), in_warehouse(published), quarantined(published)
    change = backfill.derive(published, FIRST, LAST)
    with pytest.raises(gate.GateStopped, match=r"orders\.mobile_number"):
        backfill.commit(published, change)
    assert (in_database(published), in_warehouse(published), quarantined(published)) == before


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [("2025-09-01", "2025-08-31", "is before --start"), ("September", "2025-09-30", "not a day written")],
)
def test_a_range_that_is_none_is_wrong_usage(workspace, start, end, fault):
    told = CliRunner().invoke(main, ["backfill", "--start", start, "--end", end])
    assert told.exit_code == 2
    assert fault in told.output


def test_a_database_with_nothing_published_has_nothing_to_change(workspace):
    deliver(workspace, *DELIVERIES)
    migrate.upgrade(workspace)
    assert not len(backfill.derive(workspace, FIRST, LAST).orders.all)
