"""The published tables, once: columns with their kinds, and keys. Stores and frames follow from here."""

from collections.abc import Iterable
from typing import Literal

Kind = Literal["text", "mobile", "moment", "day", "count", "paise", "paise or none", "id"]

LONGEST_TEXT = 255
MOST_PAISE = 2**63 - 1  # BIGINT, int64

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
}
KEYS = {"customers": ("customer_id",), "orders": ("order_id",), "order_items": ("order_id", "sku_id")}
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
    "count": "int64",
    "paise": "int64",
    "paise or none": "Int64",
    "id": "int64",
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
