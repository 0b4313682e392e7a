"""Published content from literal rows, for tests of what stands in the stores and what is computed from it.

Deliveries are numbers here: delivery 2 stands after delivery 1.
"""

from collections.abc import Callable
from datetime import date, datetime
from operator import itemgetter
from typing import NamedTuple

import pandas as pd

from akasa.publish import database_load, level, warehouse_merge
from akasa.stores import database, warehouse

COLUMNS = {
    "customers": ["customer_id", "customer_name", "mobile_number", "region", "delivery_id"],
    "orders": [
        "order_id",
        "mobile_number",
        "order_date_time",
        "order_date",
        "total_amount_paise",
        "delivery_id",
    ],
    "order_items": ["order_id", "sku_id", "sku_count", "amount_paise", "delivery_id"],
}
HOLDINGS = ["mobile_number", "customer_id", "from_day", "until_day", "position"]
EVER = date(1000, 1, 1)
TYPES = {
    "from_day": "datetime64[s]",
    "until_day": "datetime64[s]",
    "order_date_time": "datetime64[us]",
    "order_date": "datetime64[s]",
    "total_amount_paise": "int64",
    "sku_count": "int64",
    "amount_paise": "Int64",
    "delivery_id": "int64",
}


def customer(customer_id, mobile="9000000001", region="North", delivery=1, name="Asha Rao"):
    """Return a row of customers."""
    return (customer_id, name, mobile, region, delivery)


def order(order_id, mobile="9000000001", when="2025-10-12 09:15:32", paise=100, delivery=1):
    """Return a row of orders."""
    when = datetime.fromisoformat(when)
    return (order_id, mobile, when, datetime(when.year, when.month, when.day), paise, delivery)


def item(order_id, sku_id="SKU-1", count=1, delivery=1):
    """Return a row of order_items, without an amount of its own."""
    return (order_id, sku_id, count, None, delivery)


def holding(customer_id, mobile="9000000001", since=EVER, until=None, delivery=1):
    """Return a row of holdings."""
    return (mobile, customer_id, since, until, position(delivery))


def position(delivery):
    """Return the place of the delivery of that number."""
    return f"1\t{delivery:06d}"


def tables(customers=(), orders=(), items=None, holdings=None):
    """Return the tables of rows; by default each order has one item, and customers hold their numbers."""
    items = [item(row[0], delivery=row[-1]) for row in orders] if items is None else items
    if holdings is None:
        last = {
            row[2]: holding(row[0], row[2], delivery=row[-1]) for row in sorted(customers, key=itemgetter(-1))
        }
        holdings = [*last.values()]
    rows = {"customers": customers, "orders": orders, "order_items": items, "holdings": holdings}
    return {name: _frame(columns, rows[name]) for name, columns in {**COLUMNS, "holdings": HOLDINGS}.items()}


def ledger_row(number, kind="orders", **changes):
    """Return the ledger's row of the delivery of that number."""
    return {
        "sha256": f"{number:015x}".ljust(64, "0"),
        "delivery_id": number,
        "position": position(number),
        "name": f"incoming/{number}.{'csv' if kind == 'customers' else 'xml'}",
        "kind": kind,
        "amount_is": "order",
        "delivered_on": date(2025, 11, 15),
        "records": 1,
        "accepted": 1,
        "rejected": 0,
        "repeats": 0,
        "published_at": datetime(2025, 11, 15, 12, 0, 0, 1),
        **changes,
    }


def fill(settings, content, *rows):
    """Publish tables and ledger rows to the database, and to the warehouse with all of the ledger."""
    months = database_load.merge(settings, content, rows, [seen(row) for row in rows])
    level.level_warehouse(settings, level.Published({row["delivery_id"] for row in rows}, content, months))


def seen(row):
    """Return the sighting of a delivery that has a row of the ledger."""
    same = {name: row[name] for name in ("name", "kind", "sha256")}
    return {**same, "revision": 0, "day": row["delivered_on"], "withdrawn": 0}


def in_database(settings):
    """Return every table of the database as a sorted list of plain rows, the ledger without published_at."""
    columns = {**COLUMNS, "deliveries": [c for c in ledger_row(1) if c != "published_at"]}
    return {name: plain(database.query(f"select * from {name}", settings)[columns[name]]) for name in columns}


def in_warehouse(settings):
    """Return the warehouse's three tables of rows as `in_database` does."""
    return {name: plain(warehouse.read(settings, name)[COLUMNS[name]]) for name in COLUMNS}


def rows(settings):
    """Return the database's three tables of rows, which stand in the warehouse all the same."""
    here, there = in_database(settings), in_warehouse(settings)
    deliveries = here.pop("deliveries")
    assert here == there
    holdings(settings)
    held = warehouse.deliveries(settings)[["sha256", "delivery_id", "position", "name"]]
    assert sorted(held.itertuples(index=False, name=None)) == [row[:4] for row in deliveries]
    return here


def holdings(settings):
    """Return the database's holdings, which stand in the warehouse all the same, by number and day."""
    here = plain(database.query("select * from holdings", settings)[HOLDINGS])
    assert here == plain(warehouse.holdings(settings)[HOLDINGS])
    rows = [(*row[:2], row[2].date(), row[3] and row[3].date(), row[4]) for row in here]
    return sorted(rows, key=itemgetter(0, 2))


class Store(NamedTuple):
    """What the database and the warehouse both do: what one of them promises, the other does.

    publish: settings, tables, ledger rows of deliveries that are new, those of all.
    rows: settings → table → sorted rows; deliveries: settings → what is noted of each, in delivery order.
    """

    publish: Callable[..., object]
    rows: Callable[..., dict[str, list[tuple]]]
    latest_order_date: Callable[..., date | None]
    deliveries: Callable[..., list[tuple]]


def _in_database(settings, content, new, _):
    return database_load.merge(settings, content, new)


def _in_warehouse(settings, content, _, ledger):
    frame = pd.DataFrame(ledger).assign(backfilled_at="").astype({"published_at": "str"})
    ledger = frame.sort_values("position")
    if not warehouse.files("orders", settings):
        return warehouse_merge.rebuild(settings, content, ledger)
    return warehouse_merge.merge(settings, content, ledger, warehouse.months(settings))


def _noted(frame):
    columns = ["delivery_id", "sha256", "position", "name", "published_at"]
    return list(frame.sort_values("position")[columns].itertuples(index=False, name=None))


DATABASE = Store(
    _in_database,
    lambda settings: {name: found for name, found in in_database(settings).items() if name in COLUMNS},
    database.latest_order_date,
    lambda settings: _noted(database.ledger(settings)),
)
WAREHOUSE = Store(
    _in_warehouse,
    in_warehouse,
    warehouse.latest_order_date,
    lambda settings: _noted(warehouse.deliveries(settings)),
)


def _frame(columns, rows):
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.astype({name: TYPES.get(name, "str") for name in columns})


def plain(frame):
    """Return a frame's rows as a sorted list of plain tuples."""
    typed = frame.astype({c: t for c, t in TYPES.items() if c in frame and t.startswith("datetime")})
    plain = typed.astype(object).where(typed.notna(), None)
    return sorted(plain.itertuples(index=False, name=None), key=str)
