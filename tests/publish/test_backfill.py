"""A range of days derived again: exactly the orders whose rule changed move, and nothing else."""

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from lib import stores
from lib.drops import customers, deliver, no_audit, orders, run
from lib.stores import in_database, in_warehouse, rows
from lib.worlds import in_few, in_many

from akasa.__main__ import main
from akasa.ingest import ahead, on_worker, staging
from akasa.ingest.readers import RefusedDelivery
from akasa.kpis import engines, reconcile, results
from akasa.publish import backfill, days, differences, level, versions, withdraw
from akasa.report import bottom_line
from akasa.stores import database, migrate, soundness, warehouse
from akasa.validate import audits, cleaning, gate, plan, quarantine, rules, verdicts
from akasa.validate.rules import Parted
from akasa.workspace import cluster
from akasa.workspace.settings import Settings

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
def published(request, prepared):
    """A workspace that published DELIVERIES while the new prefix was not accepted."""
    if request.param == "SQLite":
        return prepared("before_the_rule", publish)
    cfg = request.getfixturevalue("on_mariadb")(DB_LOCAL_INFILE="1")
    publish(cfg)
    return cfg


def publish(cfg):
    deliver(cfg, *DELIVERIES)
    run(cfg)


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


RANGE = ["backfill", "--start", "2025-09-01", "--end", "2025-09-30"]


@pytest.mark.parametrize(("content", "what"), [(None, "disappeared"), (b"<orders/>", "changed")])
def test_a_delivery_that_is_not_as_it_was_stops_it_with_its_name(workspace, content, what):
    """Unless its records are staged: they are known by the sha256 of their bytes."""
    deliver(workspace, *DELIVERIES)
    run(workspace)
    delivered = workspace.data_dir / "orders.xml"
    kept = delivered.read_bytes()
    delivered.unlink()
    if content:
        delivered.write_bytes(content)
    assert CliRunner().invoke(main, RANGE).exit_code == 0
    shutil.rmtree(workspace.staging)
    stopped = CliRunner().invoke(main, RANGE)
    assert stopped.exit_code == 1
    assert f"orders.xml has {what} since it was published" in stopped.output
    deliver(workspace, ("incoming/again.xml", kept))
    again = CliRunner().invoke(main, RANGE)
    assert again.exit_code == 0, again.output


def test_bytes_that_lie_there_as_a_csv_too_are_read_as_what_they_were_published_as(workspace):
    """They are refused as a CSV, whatever their XML may say: no bytes are ever both."""
    both = b"<!--,customer_id,customer_name,mobile_number,region,-->\n" + DELIVERIES[1][1]
    deliver(workspace, DELIVERIES[0], ("orders.xml", both), ("incoming/a.csv", both))
    assert set(run(workspace)) == {"customers.csv", "orders.xml"}
    (refused,) = staging.read_manifest(workspace).refused
    assert refused == "incoming/a.csv, line 1: this is HTML or XML, not CSV"
    shutil.rmtree(workspace.staging)
    assert not len(backfill.derive_all(workspace).orders.all)


def test_large_deliveries_that_are_not_staged_are_read_on_the_cluster(workspace, monkeypatch):
    """One of them is refused, as a backfill's own reading would."""
    deliver(workspace, *DELIVERIES)
    run(workspace)
    files = {file: file.read_bytes() for file in workspace.staging.glob("*.parquet")}
    shutil.rmtree(workspace.staging)
    compute, noted = cluster.compute, []

    def computed(tasks, address):
        noted.append((len(tasks), address))
        return compute(tasks, None)

    monkeypatch.setattr(cluster, "compute", computed)
    monkeypatch.setattr(ahead, "LARGE_BYTES", -1)
    cfg = workspace.model_copy(update={"dask_scheduler_address": "tcp://of-no-cluster:1"})
    backfill.read_what_is_lacking(cfg, database.ledger(cfg), lambda _: None)
    assert noted == [(2, "tcp://of-no-cluster:1")]
    assert {file: file.read_bytes() for file in workspace.staging.glob("*.parquet")} == files
    shutil.rmtree(workspace.staging)
    monkeypatch.setattr(on_worker, "run", lambda *_: on_worker.Told(0, "it is broken", 7))
    with pytest.raises(RefusedDelivery, match=r"^customers\.csv, line 7: it is broken$"):
        backfill.read_what_is_lacking(cfg, database.ledger(cfg), lambda _: None)


def test_days_are_not_derived_where_it_is_lost_how_the_others_were_judged(published, monkeypatch):
    before, rejected = rows(published), quarantined(published)
    shutil.rmtree(published.judged)
    accept_prefix_5(monkeypatch)
    monkeypatch.setattr(rules, "RULES_VERSION", 2)
    with pytest.raises(backfill.NotKept, match=r"how orders\.xml was judged is not kept in data/judged"):
        backfill.derive(published, FIRST, LAST)
    assert (rows(published), quarantined(published)) == (before, rejected)
    backfill.commit(published, backfill.derive_all(published))
    assert not len(backfill.derive(published, FIRST, LAST).orders.all)


def test_days_are_not_derived_where_the_reader_makes_other_records_of_a_file(workspace, monkeypatch):
    deliver(workspace, *DELIVERIES)
    run(workspace)
    before = rows(workspace)
    delivery = plan.of_ledger(next(database.ledger(workspace).tail(1).itertuples()))
    kept = verdicts.recall(workspace, delivery)
    found = kept.records
    one_less = Parted(found.accepted.iloc[1:], found.rejected, found.repeats, found.warnings)
    verdicts.prepare(workspace, replace(kept, records=one_less), datetime(2025, 11, 15))
    verdicts.put_in_place(workspace, delivery)
    with database.transaction(workspace) as connection:
        connection.exec_driver_sql("update deliveries set accepted = 61 where kind = 'orders'")
    soundness.note(workspace)  # as if a run had left it so
    accept_prefix_5(monkeypatch)
    with pytest.raises(
        days.OtherRecords, match=r"orders\.xml: 67 records were published, and 68 are read now"
    ):
        backfilled(workspace)
    assert rows(workspace) == before


def counted(cfg):
    """Return of each delivery in the ledger its counts and version; they are those of all that is kept."""
    ledger = database.ledger(cfg)
    found = {}
    for row in ledger.itertuples():
        kept = verdicts.recall(cfg, plan.of_ledger(row))
        parts = (len(kept.records.accepted), len(kept.records.rejected), kept.records.repeats)
        version = None if pd.isna(row.rules_version) else row.rules_version
        found[row.name] = (row.records, *parts, kept.rules_version)
        assert found[row.name] == (row.records, row.accepted, row.rejected, row.repeats, version)
        assert sum(parts) == row.records
        file = quarantine.path(cfg.quarantine, row.name, row.sha256)
        assert (len(quarantine.read(file)) if file.exists() else 0) == row.rejected
    return found


def folded(cfg):
    """Return the tables that the kept judgements make, as the stores have them."""
    kept = [verdicts.recall(cfg, plan.of_ledger(row)) for row in database.ledger(cfg).itertuples(index=False)]
    return {name: stores.plain(frame) for name, frame in versions.latest(kept, cfg.amount_is).items()}


def test_the_ledger_counts_what_is_published_now(published, monkeypatch):
    assert counted(published)["orders.xml"] == (68, 62, 6, 0, 1)
    accept_prefix_5(monkeypatch)
    monkeypatch.setattr(rules, "RULES_VERSION", 2)
    backfilled(published)
    assert counted(published)["orders.xml"] == (68, 65, 3, 0, 1)
    backfilled(published, date(2025, 8, 1), date(2025, 10, 31))
    assert counted(published)["orders.xml"] == (68, 67, 1, 0, 2)
    assert folded(published) == rows(published)
    told, reasons = bottom_line.quarantined(published)
    assert told["rejected"].tolist() == [0, 1]
    assert reasons["records"].tolist() == [1]


def test_what_a_backfill_judged_stands_again_when_a_later_delivery_is_withdrawn(workspace, monkeypatch):
    """The earlier version of an order that a later delivery brings too is judged again, and not published."""
    early = orders(("O-1", NEW_PREFIX, "2025-09-02 10:00", "SKU-1", 1, "1.00"))
    late = orders(("O-1", "9000000001", "2025-09-02 10:00", "SKU-1", 1, "2.00"))
    deliver(workspace, ("incoming/o-2025-09-03.xml", early), ("incoming/o-2025-09-04.xml", late))
    run(workspace)
    accept_prefix_5(monkeypatch)
    assert not len(backfilled(workspace).orders.all)
    assert counted(workspace)["incoming/o-2025-09-03.xml"] == (1, 1, 0, 0, 1)
    withdraw.commit(workspace, withdraw.derive(workspace, "incoming/o-2025-09-04.xml"))
    assert [row[4] for row in rows(workspace)["orders"]] == [100]
    assert counted(workspace) == {"incoming/o-2025-09-03.xml": (1, 1, 0, 0, 1)}


def test_an_order_that_stands_outside_is_left_in_every_delivery_that_brings_it(workspace, monkeypatch):
    """So is what an earlier delivery says of it for a day of the range, and what was wrong with that."""
    early = orders(("O-1", NEW_PREFIX, "2025-09-02 10:00", "SKU-1", 1, "1.00"))
    late = orders(("O-1", "9000000001", "2025-10-02 10:00", "SKU-1", 1, "2.00"))
    deliver(workspace, ("incoming/o-2025-09-03.xml", early), ("incoming/o-2025-10-04.xml", late))
    run(workspace)
    before = quarantined(workspace)
    accept_prefix_5(monkeypatch)
    backfilled(workspace)
    assert counted(workspace) == {
        "incoming/o-2025-09-03.xml": (1, 0, 1, 0, 1),
        "incoming/o-2025-10-04.xml": (1, 1, 0, 0, 1),
    }
    assert quarantined(workspace) == before


def test_all_that_is_published_is_derived_anew_customers_too(published, monkeypatch):
    other = customers(("C-1", "9000000001", "South"), ("C-2", NEW_PREFIX, "East"))
    deliver(published, ("incoming/c-2025-11-12.csv", other))
    run(published)
    accept_prefix_5(monkeypatch)
    monkeypatch.setattr(rules, "RULES_VERSION", 2)
    change = backfill.derive_all(published)
    assert sorted(change.orders.added) == ["O-3", "O-4", "O-5", "O-6"]
    assert change.customers.added.tolist() == ["C-2"]
    assert {row[0] for row in rows(published)["customers"]} == {"C-1"}
    backfill.commit(published, change)
    assert [row[0] for row in rows(published)["customers"]] == ["C-1", "C-2"]
    assert folded(published) == rows(published)
    assert [found[-1] for found in counted(published).values()] == [2, 2, 2]
    before = database.ledger(published).to_dict("records"), warehouse.files("orders", published)
    backfill.commit(published, backfill.derive_all(published))
    assert (database.ledger(published).to_dict("records"), warehouse.files("orders", published)) == before


def test_the_command_without_a_range_derives_all(workspace, monkeypatch):
    deliver(workspace, *DELIVERIES)
    run(workspace)
    accept_prefix_5(monkeypatch)
    monkeypatch.setattr(rules, "RULES_VERSION", 2)
    older = "judged by older rules: 2 of 2; `python -m akasa backfill` derives all again"
    assert older in CliRunner().invoke(main, ["status"]).output
    before = in_database(workspace), in_warehouse(workspace), quarantined(workspace)
    shown = CliRunner().invoke(main, ["backfill", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "    all      4        0        0          ₹3.00        ₹63.00" in shown.output
    assert (in_database(workspace), in_warehouse(workspace), quarantined(workspace)) == before
    done = CliRunner().invoke(main, ["backfill"])
    assert "published; `make report` computes the KPIs anew" in done.output
    assert "older" not in CliRunner().invoke(main, ["status"]).output
    assert [row[0] for row in rows(workspace)["orders"]][-1] == "O-6"


def test_half_a_range_is_wrong_usage(workspace):
    told = CliRunner().invoke(main, ["backfill", "--start", "2025-09-01"])
    assert told.exit_code == 2
    assert "a range of days has both --start and --end" in told.output


def test_a_backfill_that_the_gate_stops_shows_what_it_would_reject(workspace, monkeypatch):
    deliver(workspace, *DELIVERIES)
    run(workspace)
    before, rejected = rows(workspace), quarantined(workspace)
    monkeypatch.setattr(cleaning, "NATIONAL_NUMBER", "[78][0-9]{9}")
    with pytest.raises(gate.GateStopped, match="data/rejects/unpublished/"):
        backfill.derive_all(workspace)
    assert (rows(workspace), quarantined(workspace)) == (before, rejected)
    (customers_file, orders_file) = sorted((workspace.quarantine / "unpublished").iterdir())
    assert len(quarantine.read(customers_file)) == 1
    assert len(quarantine.read(orders_file)) == 68


# Small worlds: an order or a customer comes in several deliveries, good by the old rules, the new, or both.

MOBILES = ["9000000001", NEW_PREFIX, "8000000001"]
OLD_RULES, NEW_RULES = "[689][0-9]{9}", "[589][0-9]{9}"
LINE = st.tuples(
    st.sampled_from(["O-1", "O-2", "O-3"]),
    st.sampled_from([*MOBILES, "6000000001"]),
    st.sampled_from(["2025-08-31 10:00", "2025-09-01 10:00", "2025-09-30 10:00", "2025-10-01 10:00"]),
    st.sampled_from(["SKU-1", "SKU-2"]),
    st.just(1),
    st.sampled_from(["1.00", "2.00"]),
)
CUSTOMER = st.tuples(
    st.sampled_from(["C-1", "C-2"]),
    st.sampled_from([*MOBILES, "6000000001"]),
    st.sampled_from(["North", "South"]),
)
DROPS = st.fixed_dictionaries(
    {
        "incoming/c-2025-10-01.csv": st.lists(CUSTOMER, min_size=1, max_size=3).map(lambda r: customers(*r)),
        "incoming/c-2025-10-02.csv": st.lists(CUSTOMER, min_size=1, max_size=3).map(lambda r: customers(*r)),
        "incoming/o-2025-10-01.xml": st.lists(LINE, min_size=1, max_size=5).map(lambda r: orders(*r)),
        "incoming/o-2025-10-02.xml": st.lists(LINE, min_size=1, max_size=5).map(lambda r: orders(*r)),
        "incoming/o-2025-10-03.xml": st.lists(LINE, min_size=1, max_size=5).map(lambda r: orders(*r)),
    }
)


def filled(folder, drops):
    cfg = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder) / "outputs", max_reject_ratio=1.0)
    deliver(cfg, *drops.items())
    run(cfg)
    return cfg


@contextmanager
def by_rules(numbers, version):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cleaning, "NATIONAL_NUMBER", numbers)
        patched.setattr(rules, "RULES_VERSION", version)
        patched.setattr(gate, "audit", lambda tables, *rest: no_audit(None, tables))
        yield


def everything(cfg):
    """Return stores, ledger, judgements and quarantine."""
    files = {file.name: file.read_bytes() for file in cfg.quarantine.glob("*")}
    return rows(cfg), in_database(cfg)["deliveries"], counted(cfg), files


@in_few(DROPS)
def test_all_derived_anew_is_what_a_fresh_workspace_has(drops):
    is_what_a_fresh_workspace_has(drops)


@in_many(DROPS)
def test_of_many_worlds_all_derived_anew_is_what_a_fresh_workspace_has(drops):
    is_what_a_fresh_workspace_has(drops)


def is_what_a_fresh_workspace_has(drops):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        with by_rules(OLD_RULES, 1):
            cfg = filled(one, drops)
        with by_rules(NEW_RULES, 2):
            backfill.commit(cfg, backfill.derive_all(cfg))
            assert everything(cfg) == everything(filled(other, drops))


@in_few(DROPS)
def test_what_stands_is_the_fold_of_what_was_judged_after_days_were_derived(drops):
    what_stands_is_the_fold(drops)


@in_many(DROPS)
def test_of_many_worlds_what_stands_is_the_fold_of_what_was_judged(drops):
    what_stands_is_the_fold(drops)


def what_stands_is_the_fold(drops):
    with tempfile.TemporaryDirectory() as folder:
        with by_rules(OLD_RULES, 1):
            cfg = filled(folder, drops)
        with by_rules(NEW_RULES, 2):
            outside = [row for row in rows(cfg)["orders"] if row[3].month != 9]
            change = backfilled(cfg)
            counted(cfg)
            assert folded(cfg) == rows(cfg)
            staying = [row for row in rows(cfg)["orders"] if row[3].month != 9]
            assert staying == outside
            assert set(change.orders.all) <= {"O-1", "O-2", "O-3"}


def test_a_broken_audit_publishes_nothing(published, monkeypatch):
    monkeypatch.setattr(cleaning, "mobiles", lambda text: text)
    before = in_database(published), in_warehouse(published), quarantined(published)
    change = backfill.derive(published, FIRST, LAST)
    with pytest.raises(gate.GateStopped, match=r"orders\.mobile_number"):
        backfill.commit(published, change)
    assert (in_database(published), in_warehouse(published), quarantined(published)) == before
    (kept,) = audits.latest(published)
    assert {one.words for one in kept.broken} == {
        "Every mobile number is ten digits and begins with 6, 7, 8 or 9"
    }
    assert kept.deliveries == tuple(
        one.delivery.name for one in change.judged if one.delivery.kind == "orders"
    )


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [("2025-09-01", "2025-08-31", "is before --start"), ("September", "2025-09-30", "not a day written")],
)
def test_a_range_that_is_none_is_wrong_usage(workspace, start, end, fault):
    told = CliRunner().invoke(main, ["backfill", "--start", start, "--end", end])
    assert told.exit_code == 2
    assert fault in told.output


def test_deliveries_without_any_order_have_nothing_to_change(workspace):
    deliver(workspace, ("orders.xml", b"<orders/>"))
    run(workspace)
    assert not len(backfilled(workspace).orders.all)


def test_a_database_with_nothing_published_has_nothing_to_change(workspace):
    deliver(workspace, *DELIVERIES)
    migrate.upgrade(workspace)
    assert not len(backfill.derive(workspace, FIRST, LAST).orders.all)
