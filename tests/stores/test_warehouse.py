"""The warehouse: Delta tables by month that hold one version of each row, also after a run cut short."""

import shutil
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from bench import disk
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from lib.stores import customer, fill, in_warehouse, item, ledger_row, order, rows, tables

from akasa.publish import database_load, warehouse_merge
from akasa.stores import database, warehouse

pytestmark = pytest.mark.usefixtures("migrated")


def months(settings, table):
    """Return the month folder of each file of the table's present version."""
    return [Path(file).parent.name for file in warehouse.files(table, settings)]


def ledger(*numbers):
    rows = [ledger_row(number, backfilled_at="") for number in numbers]
    return pd.DataFrame(rows, columns=[*ledger_row(1), "backfilled_at"]).astype({"published_at": "str"})


def stop_at(monkeypatch, table):
    """Let the next publish end, as killed, when it comes to this table."""

    def stopped(place):
        if place == f"before the Delta commit of {table}":
            raise KeyboardInterrupt

    monkeypatch.setattr(warehouse_merge, "reached", stopped)


def test_a_warehouse_that_is_not_there_is_empty(workspace):
    assert in_warehouse(workspace) == {"customers": [], "orders": [], "order_items": []}
    assert warehouse.files("orders", workspace) == []
    assert warehouse.latest_order_date(workspace) is None
    assert len(warehouse.customers(workspace)) == len(warehouse.deliveries(workspace)) == 0
    assert not workspace.warehouse.exists()


def test_frames_have_their_types(workspace):
    fill(workspace, tables([customer("C-1")], [order("O-1")]), ledger_row(1))
    orders = warehouse.orders(workspace).dtypes.astype(str)
    assert orders["mobile_number"] == "str"
    assert orders["order_date"].startswith("datetime64")
    assert orders["total_amount_paise"] == "int64"
    holdings = warehouse.holdings(workspace).astype({"from_day": "str", "until_day": "str"})
    assert holdings.fillna("").to_numpy().tolist() == [["9000000001", "C-1", "1000-01-01", "", "1\t000001"]]
    assert list(warehouse.orders(workspace, ["order_date"]).columns) == ["order_date"]
    assert warehouse.order_items(workspace)["amount_paise"].isna().all()


def test_both_stores_count_rows_by_delivery_and_orders_up_to_a_day(workspace):
    assert warehouse.rows_by_delivery(workspace, "orders") == database.rows_by_delivery(workspace, "orders")
    made = [
        order("O-1", when="2025-11-01 23:59:59", paise=1),
        order("O-2", when="2025-11-02 00:00:00", paise=20),
        order("O-3", when="2025-12-01 00:00:00", paise=300, delivery=2),
    ]
    fill(workspace, tables(orders=made), ledger_row(1), ledger_row(2))
    for store in (database, warehouse):
        assert store.rows_by_delivery(workspace, "order_items") == {1: 2, 2: 1}
        days = (date(2025, 10, 31), date(2025, 11, 1), date(2025, 11, 2), date(2025, 12, 1), None)
        counted = [store.orders_up_to(workspace, day) for day in days]
        assert counted == [(0, 0), (1, 1), (2, 21), (3, 321), (0, 0)]


def test_orders_and_items_lie_in_folders_by_month(workspace):
    orders = [order("O-1"), order("O-2", when="2025-09-30 23:59:59"), order("O-3", when="1000-01-01 00:00")]
    fill(workspace, tables([customer("C-1")], orders), ledger_row(1))
    folders = ["order_month=1000-01", "order_month=2025-09", "order_month=2025-10"]
    assert months(workspace, "orders") == months(workspace, "order_items") == folders
    assert months(workspace, "customers") == ["customers"]


def test_files_are_those_of_the_present_version(workspace):
    fill(workspace, tables(orders=[order("O-1", paise=100)]), ledger_row(1))
    fill(workspace, tables(orders=[order("O-1", paise=200, delivery=2)]), ledger_row(2))
    (file,) = warehouse.files("orders", workspace)
    assert pd.read_parquet(file, partitioning=None)["total_amount_paise"].tolist() == [200]


def test_a_month_that_its_last_order_leaves_has_no_file(workspace):
    fill(workspace, tables(orders=[order("O-1")]), ledger_row(1))
    fill(workspace, tables(orders=[order("O-1", when="2025-11-01 00:00:00", delivery=2)]), ledger_row(2))
    assert months(workspace, "orders") == ["order_month=2025-11"]


def test_months_that_no_row_comes_to_or_leaves_are_not_rewritten(workspace):
    orders = [order("O-1"), order("O-2", when="2025-09-01 00:00:00")]
    fill(workspace, tables(orders=orders), ledger_row(1))
    before = warehouse.files("orders", workspace)
    fill(workspace, tables(orders=[order("O-3", delivery=2)]), ledger_row(2))
    assert set(before) & set(warehouse.files("orders", workspace)) == {before[0]}


def test_publishing_twice_changes_nothing(workspace):
    content = tables([customer("C-1")], [order("O-1"), order("O-2", when="2025-09-01 00:00:00")])
    warehouse_merge.rebuild(workspace, tables(), ledger())
    for _ in range(2):
        warehouse_merge.merge(workspace, content, ledger(1), set())
    assert in_warehouse(workspace) == {
        "customers": [customer("C-1")],
        "orders": [order("O-1"), order("O-2", when="2025-09-01 00:00:00")],
        "order_items": [item("O-1"), item("O-2")],
    }


def corrected(settings, times):
    """Publish an order, and corrections of it, each in a delivery of its own."""
    for number in range(1, times + 1):
        correct(settings, number)


def correct(settings, number):
    """Publish delivery `number`, which corrects the one before."""
    content = tables(orders=[order("O-1", paise=number, delivery=number)])
    write = warehouse_merge.rebuild if number == 1 else partial(warehouse_merge.merge, months=set())
    write(settings, content, ledger=ledger(*range(1, number + 1)))


def test_a_reader_who_has_begun_finds_its_files_for_a_day(workspace):
    corrected(workspace, 1)
    begun = warehouse.opened(workspace)["orders"]
    correct(workspace, 2)
    correct(workspace, 3)
    old = warehouse.select(workspace, "orders", ["total_amount_paise"], at=begun)
    assert old["total_amount_paise"].to_pylist() == [1]


def test_what_no_version_needs_goes_when_nothing_is_retained(workspace):
    settings = workspace.model_copy(update={"warehouse_retention_days": 0})
    corrected(settings, 1)
    of_a_publish_cut_short = settings.warehouse / "orders/order_month=2025-10/part-0.parquet"
    of_a_publish_cut_short.write_bytes(b"PAR1")
    corrected(settings, 5)
    lying = [file for file in settings.warehouse.rglob("*.parquet") if "_delta_log" not in file.parts]
    live = [file for name in warehouse.SCHEMAS for file in warehouse.files(name, settings)]
    assert sorted(map(str, lying)) == sorted(live)
    logs = {
        name: len(list((settings.warehouse / name / "_delta_log").iterdir())) for name in warehouse.SCHEMAS
    }
    assert max(logs.values()) == 3, logs


def test_the_retention_may_change_between_publishes(workspace):
    corrected(workspace, 3)
    settings = workspace.model_copy(update={"warehouse_retention_days": 0.5})
    correct(settings, 4)
    kept = {
        at.metadata().configuration["delta.logRetentionDuration"]
        for at in warehouse.opened(settings).values()
    }
    assert kept == {"interval 12 hours"}


def test_customers_that_are_there_already_are_not_written_again(workspace):
    warehouse_merge.rebuild(workspace, tables([customer("C-1")], [order("O-1")]), ledger(1))
    before = warehouse.files("customers", workspace)
    warehouse_merge.merge(workspace, tables([customer("C-1")]), ledger(1), set())
    assert warehouse.files("customers", workspace) == before
    warehouse_merge.merge(workspace, tables([customer("C-1", delivery=2)]), ledger(1, 2), set())
    assert warehouse.files("customers", workspace) != before


@pytest.mark.parametrize(
    "days", [pytest.param(6, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.long)]
)
def test_the_disk_follows_the_rows_over_many_days(tmp_path, days):
    found = disk.measure(tmp_path, after=(days, 2 * days), customers=1_000, orders=200)
    assert [row["what"] for row in found] == [f"after {days} days", f"after {2 * days} days"]
    assert max(row["ratio"] for row in found) <= 2.5, found


def after_another_writer(monkeypatch, settings, table):
    """Let another writer commit to a table just before ours does, once."""
    waiting = [table]

    def overtaken(place):
        if waiting and place == f"before the Delta commit of {waiting[0]}":
            waiting.pop()
            theirs = DeltaTable(warehouse.uri(settings, table))
            rows = warehouse.select(settings, table)
            write_deltalake(theirs, rows, mode="overwrite")

    monkeypatch.setattr(warehouse_merge, "reached", overtaken)


@pytest.mark.parametrize("table", ["customers", "orders", "order_items", "deliveries"])
@pytest.mark.parametrize("anew", [False, True])
def test_a_commit_of_another_writer_in_between_is_an_error_and_not_lost(workspace, monkeypatch, table, anew):
    warehouse_merge.rebuild(workspace, tables([customer("C-1")], [order("O-1")]), ledger(1))
    after_another_writer(monkeypatch, workspace, table)
    content = tables([customer("C-2", "9000000002", delivery=2)], [order("O-2", delivery=2)])
    write = warehouse_merge.rebuild if anew else partial(warehouse_merge.merge, months=set())
    with pytest.raises(CommitFailedError, match="concurrent transaction"):
        write(workspace, content, ledger=ledger(1, 2))
    assert warehouse.deliveries(workspace)["delivery_id"].tolist() == [1]


def test_a_table_that_another_writer_made_in_between_is_not_overwritten(workspace, monkeypatch):
    content = tables([customer("C-1")], [order("O-1")])
    monkeypatch.setattr(warehouse, "opened", lambda _: {})
    warehouse_merge.rebuild(workspace, content, ledger(1))
    with pytest.raises(DeltaError, match="already exists"):
        warehouse_merge.rebuild(workspace, content, ledger(1))


@pytest.mark.parametrize("table", ["customers", "orders", "order_items", "deliveries"])
def test_a_publish_cut_short_at_a_table_is_done_again_whole(workspace, monkeypatch, table):
    """The order moves to November in delivery 2, which is cut short, and to December in delivery 3."""
    november = [order("O-1", when="2025-11-01 00:00:00", delivery=2)]
    december = [order("O-1", when="2025-12-01 00:00:00", delivery=3)]
    contents = [
        tables([customer("C-1")], [order("O-1")]),
        tables([customer("C-1", region="East", delivery=2)], november),
        tables([customer("C-1", region="West", delivery=3)], december),
    ]
    for number, content in enumerate(contents, start=1):
        database_load.merge(workspace, content, [ledger_row(number)])
    warehouse_merge.rebuild(workspace, contents[0], ledger(1))
    with monkeypatch.context() as during:
        stop_at(during, table)
        with pytest.raises(KeyboardInterrupt):
            warehouse_merge.merge(workspace, contents[1], ledger(1, 2), warehouse.months(workspace))
    assert warehouse.deliveries(workspace)["delivery_id"].tolist() == [1]
    warehouse_merge.merge(workspace, contents[2], ledger(1, 2, 3), warehouse.months(workspace))
    assert rows(workspace)["orders"] == december


@pytest.mark.parametrize("table", ["customers", "orders", "order_items", "deliveries"])
def test_a_warehouse_that_lacks_a_table_holds_no_delivery(workspace, table):
    warehouse_merge.rebuild(workspace, tables([customer("C-1")], [order("O-1")]), ledger(1))
    assert warehouse.deliveries(workspace)["published_at"].tolist() == ["2025-11-15 12:00:00.000001"]
    shutil.rmtree(workspace.warehouse / table)
    assert len(warehouse.deliveries(workspace)) == 0
