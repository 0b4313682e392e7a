"""Only files in which rows leave, or that are small, are written anew; what stands is the same."""

import json
from datetime import datetime
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from lib.disk import columns_with_a_dictionary
from lib.stores import customer, holding, in_warehouse, item, ledger_row, order, tables

from akasa.publish import versions, warehouse_files, warehouse_merge
from akasa.stores import warehouse
from akasa.workspace import storage
from akasa.workspace.tables import KEYS

pytestmark = pytest.mark.usefixtures("migrated")

FULL = 4


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(warehouse_files, "ROWS_A_FILE", FULL)


def ledger(*numbers):
    rows = pd.DataFrame([ledger_row(number, backfilled_at="") for number in numbers])
    return rows.astype({"published_at": "str"})


def ids(number, count=FULL, first=0):
    return [f"O-{number}-{n}" for n in range(first, first + count)]


def publish(settings, number, orders, customers=()):
    content = tables(customers, [order(*one, delivery=number) for one in orders])
    write = warehouse_merge.rebuild if number == 1 else warehouse_merge.merge
    more = {} if number == 1 else {"months": warehouse.months(settings)}
    write(settings, content, ledger=ledger(*range(1, number + 1)), **more)


def rows_of(settings, table):
    """Return file → how many rows it has, as the log says, which is what it has."""
    found = {}
    for action in pa.table(warehouse.present(settings, table).get_add_actions(flatten=True)).to_pylist():
        rows = pq.read_table(settings.warehouse / table / action["path"], partitioning=None)
        assert action["num_records"] == len(rows)
        found[action["path"]] = len(rows)
    return found


def test_a_day_s_rows_leave_full_files_as_they_are(workspace, small_files):
    publish(workspace, 1, [(one,) for one in ids(1)])
    full = set(rows_of(workspace, "orders"))
    publish(workspace, 2, [(one,) for one in ids(2, 1)])
    publish(workspace, 3, [(one,) for one in ids(3, 2)])
    there = rows_of(workspace, "orders")
    assert full <= set(there)
    assert sorted(there.values()) == [3, FULL]  # the second day's row lies with those of the third


def test_a_correction_writes_only_the_file_of_what_it_corrects(workspace, small_files):
    for number in (1, 2, 3):
        publish(workspace, number, [(one,) for one in ids(number)])
    before = rows_of(workspace, "orders")
    publish(workspace, 4, [(ids(2)[1], "9000000001", "2025-10-12 10:00:00", 7)])
    after = rows_of(workspace, "orders")
    assert len(set(before) & set(after)) == 2
    assert sorted(after.values()) == [1, 3, FULL, FULL]
    assert rows_of(workspace, "order_items").keys() & before.keys() == set()
    assert {row[0]: row[4] for row in in_warehouse(workspace)["orders"]}[ids(2)[1]] == 7


def test_what_comes_at_once_is_cut_into_files_in_the_order_of_keys(workspace, small_files):
    publish(workspace, 1, [("O",)])
    publish(workspace, 2, [(one,) for one in reversed(ids(2, 9))])
    there = rows_of(workspace, "orders")
    assert sorted(there.values()) == [2, FULL, FULL]
    files = [pq.read_table(workspace.warehouse / "orders" / path, partitioning=None) for path in there]
    found = sorted(file["order_id"].to_pylist() for file in files)
    assert [one for file in found for one in file] == ["O", *ids(2, 9)]


def test_a_file_is_noted_with_the_ranges_of_its_columns(workspace):
    publish(workspace, 1, [("O-1", "9000000001", "2025-10-12 10:00:00", 5)])
    publish(workspace, 2, [("O-2", "9000000002", "2025-10-13 10:00:00", 7)])
    log = DeltaTable(str(workspace.warehouse / "orders")).version()
    lines = (workspace.warehouse / f"orders/_delta_log/{log:020d}.json").read_text().splitlines()
    (said,) = [json.loads(line)["add"]["stats"] for line in lines if "add" in json.loads(line)]
    least = {"order_id": "O-1", "mobile_number": "9000000001", "order_date": "2025-10-12"}
    most = {"order_id": "O-2", "mobile_number": "9000000002", "order_date": "2025-10-13"}
    assert json.loads(said) == {
        "numRecords": 2,
        "minValues": {**least, "total_amount_paise": 5, "delivery_id": 1},
        "maxValues": {**most, "total_amount_paise": 7, "delivery_id": 2},
        "nullCount": dict.fromkeys([*least, "order_date_time", "total_amount_paise", "delivery_id"], 0),
    }


def test_of_a_text_that_is_too_long_for_the_footer_no_range_is_noted(workspace, monkeypatch):
    monkeypatch.setattr(warehouse_files, "ROWS_A_GROUP", 2)
    names = ["Asha", "Bela", "C" * 5_000, "Devi"]
    customers = [customer(f"C-{n}", f"900000000{n}", name=name) for n, name in enumerate(names)]
    warehouse_merge.rebuild(workspace, tables(customers), ledger(1))
    (told,) = pa.table(warehouse.present(workspace, "customers").get_add_actions(flatten=True)).to_pylist()
    assert (told["min.customer_id"], told["max.customer_id"]) == ("C-0", "C-3")
    assert told.get("min.customer_name") is told.get("max.customer_name") is None
    assert sorted(warehouse.customers(workspace)["customer_name"]) == names


def test_groups_of_a_file_without_a_value_leave_the_range_to_the_others(workspace, monkeypatch):
    monkeypatch.setattr(warehouse_files, "ROWS_A_GROUP", 2)
    amounts = {"O-0": None, "O-1": None, "O-2": 7, "O-3": None, "O-4": 5}
    items = [(one, "SKU-1", 1, paise, 1) for one, paise in amounts.items()]
    warehouse_merge.rebuild(workspace, tables((), [order(one) for one in amounts], items), ledger(1))
    (told,) = pa.table(warehouse.present(workspace, "order_items").get_add_actions(flatten=True)).to_pylist()
    found = [told[f"{what}.amount_paise"] for what in ("min", "max", "null_count")]
    assert found == [5, 7, 3]


def test_files_keep_a_dictionary_of_what_repeats_and_of_no_ids(workspace):
    warehouse_merge.rebuild(workspace, tables([customer("C-1")], [order("O-1")]), ledger(1))
    files = {name: warehouse.files(name, workspace) for name in KEYS}
    found = {name: columns_with_a_dictionary(file) for name, (file,) in files.items()}
    assert found == {
        "customers": {"region", "delivery_id"},
        "orders": {"order_date", "delivery_id"},
        "order_items": {"sku_id", "sku_count", "delivery_id"},
        "holdings": {"from_day", "until_day", "position"},
    }


def test_what_comes_in_parts_fills_files_of_each_month_which_are_noted_as_they_are(
    workspace, small_files, monkeypatch
):
    monkeypatch.setattr(warehouse_files, "ROWS_A_GROUP", 2)
    months, shape = ("2025-09", "2025-10", "2025-10"), warehouse.SCHEMAS["orders"]
    rows = [order(f"O-{n:02d}", when=f"{months[n % 3]}-{n + 1:02d} 00:00:00", paise=n) for n in range(15)]
    frame = versions.with_month(tables((), rows))["orders"]
    whole = pa.Table.from_pandas(frame[shape.names], shape, preserve_index=False)
    place = storage.warehouse(workspace)
    actions = warehouse_files.filled(place, "orders", [whole[:4], whole[4:4], whole[4:5], whole[5:]])
    warehouse_files.create(place, "orders", actions)
    assert sorted(in_warehouse(workspace)["orders"]) == sorted(rows)
    assert sorted(rows_of(workspace, "orders").values()) == [1, 2, FULL, FULL, FULL]
    for told in pa.table(warehouse.present(workspace, "orders").get_add_actions(flatten=True)).to_pylist():
        there = pq.read_table(workspace.warehouse / "orders" / told["path"], partitioning=None).to_pandas()
        assert there["order_id"].is_monotonic_increasing
        for column in ("order_id", "total_amount_paise"):
            ends = told[f"min.{column}"], told[f"max.{column}"]
            assert ends == (there[column].min(), there[column].max())


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_comes_what_stands_is_the_latest_version_of_each(workspace, small_files, seed):
    """Orders move between months, items and customers change, numbers change hands; files stay few."""
    chance, stands, held = Random(seed), {"customers": {}, "orders": {}, "order_items": {}}, {}
    for number in range(1, 9):
        orders = [
            order(f"O-{n}", when=f"2025-{chance.choice(['09', '10'])}-01 00:00:00", delivery=number)
            for n in chance.sample(range(25), chance.randrange(1, 12))
        ]
        items = [item(o[0], f"S-{n}", delivery=number) for o in orders for n in range(chance.randrange(1, 3))]
        customers = [
            customer(f"C-{n}", f"{9_000_000_000 + n}", delivery=number) for n in chance.sample(range(20), 5)
        ]
        holdings = [
            one
            for c in customers
            for one in [
                holding(c[0], c[2], delivery=number),
                holding("C", c[2], datetime(2025, 1, number), None, number),
            ][: chance.randrange(1, 3)]
        ]
        content = tables(customers, orders, items, holdings)
        write = warehouse_merge.rebuild if number == 1 else warehouse_merge.merge
        more = {} if number == 1 else {"months": warehouse.months(workspace)}
        write(workspace, content, ledger=ledger(*range(1, number + 1)), **more)
        stands["customers"] |= {row[0]: [row] for row in customers}
        stands["orders"] |= {row[0]: [row] for row in orders}
        stands["order_items"] |= {o[0]: [row for row in items if row[0] == o[0]] for o in orders}
        held |= {c[2]: [row[:2] for row in holdings if row[0] == c[2]] for c in customers}
    expected = {
        name: sorted(row for kept in by_key.values() for row in kept) for name, by_key in stands.items()
    }
    assert in_warehouse(workspace) == expected
    found = warehouse.holdings(workspace)[["mobile_number", "customer_id"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(row for rows in held.values() for row in rows)
    for name in (*stands, "holdings"):
        rows_of(workspace, name)  # as the log says
