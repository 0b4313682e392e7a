"""A KPI by hand: a frame of exact values that a notebook shows as the report does."""

from decimal import Decimal
from typing import Any

import pandas as pd

from akasa.report.formats import indian, indian_count
from akasa.report.tables import LABELS, cell
from akasa.workspace import listing
from akasa.workspace.listing import Listing


class KpiTable(Listing):
    """A frame like any other; only a notebook shows it with labels and rupees, and without an index.

    Whatever is made of it by filtering, sorting or choosing columns is shown so, too.
    """

    @property
    def _constructor(self) -> type["KpiTable"]:
        return KpiTable

    def _repr_html_(self) -> str:
        named = any(name is not None for name in self.index.names)  # by somebody who wants to see it
        return listing.html(self if named else self.reset_index(drop=True), worded, label)


def label(name: str) -> str:
    """Return a column's heading for people.

    >>> label("avg_order_value"), label("order_month")
    ('Average order', 'Order month')
    """
    return LABELS.get(name, name.replace("_", " ").capitalize())


def worded(name: str, value: Any) -> str:
    """Return a value of a column as the report writes it; a year is no amount, and stays as it is.

    >>> worded("total_spent", Decimal("105000.00")), worded("order_count", 100000), worded("year", 2025)
    ('₹1,05,000.00', '1,00,000', '2025')
    """
    match value:
        case Decimal():
            return indian(int(value.scaleb(2)))
        case pd.Timestamp():
            return cell("date", value).text
        case int() if name.endswith("count"):
            return indian_count(value)
    return listing.text(name, value)
