"""What both stores promise: after the same publishes, the database and the warehouse hold the same rows."""

from datetime import date

import pytest
from lib.stores import DATABASE, WAREHOUSE, customer, item, ledger_row, order, tables

from akasa.stores import migrate

NOTHING = {"customers": [], "orders": [], "order_items": []}


class Opened:
    """A store with its settings, and the ledger of what the test published to it."""

    def __init__(self, store, settings):
        self.store, self.settings, self.ledger = store, settings, {}

    def publish(self, number, content):
        """Publish a delivery's tables."""
        new = [] if number in self.ledger else [ledger_row(number)]
        self.ledger[number] = ledger_row(number)
        self.store.publish(self.settings, content, new, [*self.ledger.values()])

    def rows(self):
        return self.store.rows(self.settings)

    def latest_order_date(self):
        return self.store.latest_order_date(self.settings)

    def deliveries(self):
        return self.store.deliveries(self.settings)


KINDS = {
    "SQLite": (DATABASE, None, None),
    "MariaDB": (DATABASE, "on_mariadb", "0"),
    "MariaDB's own loader": (DATABASE, "on_mariadb", "1"),
    "MySQL": (DATABASE, "on_mysql", "0"),
    "MySQL's own loader": (DATABASE, "on_mysql", "1"),
    "Delta": (WAREHOUSE, None, None),
    "Delta in a bucket": (WAREHOUSE, "on_moto", None),
}

LONG = {kind for kind in KINDS if "MySQL" in kind or "bucket" in kind}


@pytest.fixture(
    params=[pytest.param(kind, marks=[pytest.mark.long] if kind in LONG else []) for kind in KINDS]
)
def opened(request, workspace):
    """An empty store of each kind."""
    store, server, infile = KINDS[request.param]
    options = {"DB_LOCAL_INFILE": infile} if infile else {}
    settings = request.getfixturevalue(server)(**options) if server else workspace
    if store is DATABASE:
        migrate.upgrade(settings)
    return Opened(store, settings)


def test_an_empty_store_has_no_rows_no_day_and_no_deliveries(opened):
    assert opened.rows() == NOTHING
    assert opened.latest_order_date() is None
    assert opened.deliveries() == []


def test_values_come_back_as_they_went_in(opened):
    customers = [
        customer("007", name="अनिल 'O'' ;--", region="Zoë"),
        customer("1e5", "9123456781", region="NULL"),
        customer("NA", "9000000002", name='a "quoted", name\\'),
    ]
    orders = [
        order("0010", when="2025-10-12 23:59:59.999999", paise=10**15 - 1),
        order("10", paise=0),
        order("nobody", "9999999999", when="1000-01-01 00:00:00"),
    ]
    items = [item("0010", "01", 999_999_999), item("10"), ("nobody", "1", 1, 10**15, 1)]
    opened.publish(1, tables(customers, orders, items))
    assert opened.rows() == {"customers": customers, "orders": orders, "order_items": items}


def test_ids_that_differ_in_case_accents_or_spaces_are_different_ids(opened):
    ids = ["A", "a", "a ", "e", "é", "e\u0301"]
    mobiles = [f"900000000{n}" for n in range(len(ids))]
    customers = [customer(name, mobile) for name, mobile in zip(ids, mobiles, strict=True)]
    orders = [order(name) for name in ids]
    opened.publish(1, tables(customers, orders))
    found = opened.rows()
    assert {row[0] for row in found["customers"]} == {row[0] for row in found["orders"]} == set(ids)
    assert {row[0] for row in found["order_items"]} == set(ids)


OCTOBER = tables(
    [customer("C-1", region="North")],
    [order("O-1", paise=100), order("O-2")],
    [item("O-1", "SKU-1"), item("O-1", "SKU-2"), item("O-2")],
)
NOVEMBER = tables(
    [customer("C-1", region="South", delivery=2)],
    [order("O-1", when="2025-11-01 00:00:00", paise=200, delivery=2)],
    [item("O-1", "SKU-3", 5, delivery=2)],
)


@pytest.mark.parametrize("turns", [(1, 2), (2, 1), (1, 2, 1), (2, 1, 2)])
def test_the_latest_delivery_wins_as_a_whole_whenever_it_is_published(opened, turns):
    for number in turns:
        opened.publish(number, {1: OCTOBER, 2: NOVEMBER}[number])
    assert opened.rows() == {
        "customers": [customer("C-1", region="South", delivery=2)],
        "orders": [order("O-1", when="2025-11-01 00:00:00", paise=200, delivery=2), order("O-2")],
        "order_items": [item("O-1", "SKU-3", 5, delivery=2), item("O-2")],
    }
    assert opened.latest_order_date() == date(2025, 11, 1)
    assert [row[0] for row in opened.deliveries()] == [1, 2]


def test_a_delivery_of_which_nothing_was_accepted_is_noted_alone(opened):
    opened.publish(1, OCTOBER)
    before = opened.rows()
    opened.publish(2, tables())
    assert opened.rows() == before
    assert opened.deliveries() == [
        (1, ledger_row(1)["sha256"], "1\t000001", "incoming/1.xml", "2025-11-15 12:00:00.000001"),
        (2, ledger_row(2)["sha256"], "1\t000002", "incoming/2.xml", "2025-11-15 12:00:00.000001"),
    ]
