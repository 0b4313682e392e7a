"""The published tables, once: columns with their kinds, and keys. Stores and frames follow from here."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

Kind = Literal[
    "text", "mobile", "moment", "day", "day or none", "count", "paise", "paise or none", "id", "place"
]

LONGEST_TEXT = 255
MOST_PAISE = 2**63 - 1  # BIGINT, int64
FIRST_DAY = date(1000, 1, 1)  # no order is earlier, and MySQL knows no earlier day

TABLES: dict[str, dict[str, Kind]] = {
    "customers": {
        "customer_id": "text",
        "customer_name": "text",
        "mobile_number": "mobile",
        "region": "text",
        "delivery_id": "id",
    },
    "orders": {
        "order_id": "text",
        "mobile_number": "mobile",
        "order_date_time": "moment",
        "order_date": "day",
        "total_amount_paise": "paise",
        "delivery_id": "id",
    },
    "order_items": {
        "order_id": "text",
        "sku_id": "text",
        "sku_count": "count",
        "amount_paise": "paise or none",
        "delivery_id": "id",
    },
    # Who holds a number from which day, until the day before the next one does (none: still).
    "holdings": {
        "mobile_number": "mobile",
        "customer_id": "text",
        "from_day": "day",
        "until_day": "day or none",
        "position": "place",
    },
}
VERSIONED = ("customers", "orders", "order_items")  # rows that come from a delivery, and yield to later ones
KEYS = {
    "customers": ("customer_id",),
    "orders": ("order_id",),
    "order_items": ("order_id", "sku_id"),
    "holdings": ("mobile_number", "from_day", "customer_id"),
}
# Their values stand in many rows each: files keep them once, in a dictionary. One of ids would be as long as
# the rows; without, ids take half the time to write, and less room.
REPEATING = (
    "region",
    "order_date",
    "sku_id",
    "sku_count",
    "delivery_id",
    "from_day",
    "until_day",
    "position",
)
CUSTOMER_ROW = ("customer_id", "customer_name", "mobile_number", "region")
ORDER_LINE = (
    "order_id",
    "mobile_number",
    "order_date_time",
    "order_date",
    "sku_id",
    "sku_count",
    "total_amount_paise",
)

# Days are midnights, by second: no unit of numpy's is coarser that pandas takes.
_FRAME: dict[Kind, str] = {
    "text": "str",
    "mobile": "str",
    "moment": "datetime64[us]",
    "day": "datetime64[s]",
    "day or none": "datetime64[s]",
    "count": "int64",
    "paise": "int64",
    "paise or none": "Int64",
    "id": "int64",
    "place": "str",
}


def frame_types(table: str) -> dict[str, str]:
    """Return column → pandas type of a published table.

    >>> frame_types("order_items")["amount_paise"]
    'Int64'
    """
    return {column: _FRAME[kind] for column, kind in TABLES[table].items()}


def line_types(columns: Iterable[str] = ORDER_LINE) -> dict[str, str]:
    """Return column → pandas type of an accepted order line: an order's columns beside its item's."""
    known = frame_types("orders") | frame_types("order_items")
    return {column: known[column] for column in columns}
