"""A database's plan of a query, as text."""

from akasa.stores.dialects import MySql, Sqlite


def test_sqlite_tells_its_plan_by_parents():
    steps = [
        {"id": 3, "parent": 0, "detail": "MATERIALIZE sales"},
        {"id": 9, "parent": 3, "detail": "SEARCH orders USING COVERING INDEX ix_orders_kpis"},
        {"id": 40, "parent": 0, "detail": "SCAN sales"},
    ]
    assert Sqlite().plan(steps) == (
        "MATERIALIZE sales\n  SEARCH orders USING COVERING INDEX ix_orders_kpis\nSCAN sales"
    )


def test_mysql_tells_its_plan_by_the_number_of_the_select():
    orders = {"id": 2, "table": "orders", "type": "range", "key": "ix_orders_kpis", "rows": 28}
    steps = [
        {"id": 1, "table": "<derived2>", "type": "ALL", "key": None, "rows": 28, "Extra": None},
        {**orders, "Extra": "Using where; Using index"},
    ]
    assert MySql().plan(steps) == (
        "<derived2>: ALL, no index, about 28 rows\n"
        "  orders: range, index ix_orders_kpis, about 28 rows; Using where; Using index"
    )
