"""A KPI by hand: a frame of exact values that a notebook shows as the report does."""

from decimal import Decimal
from html import escape
from typing import Any

import pandas as pd

from akasa.report.formats import indian, indian_count
from akasa.report.tables import LABELS, cell


class KpiTable(pd.DataFrame):  # type: ignore[misc]
    """A frame like any other; only a notebook shows it with labels and rupees, and without an index.

    Whatever is made of it by filtering, sorting or choosing columns is shown so, too.
    """

    @property
    def _constructor(self) -> type["KpiTable"]:
        return KpiTable

    def _repr_html_(self) -> str | None:
        if self.index.nlevels > 1 or self.index.name is not None or self.columns.nlevels > 1:
            shown: str | None = super()._repr_html_()  # an index that somebody has set says something
            return shown
        first = self.head(pd.get_option("display.max_rows"))
        columns = [(name, [worded(str(name), value) for value in first[name]]) for name in first]
        sides = ["right" if pd.api.types.is_numeric_dtype(first[name]) else "left" for name, _ in columns]
        head = _row("th", [label(str(name)) for name, _ in columns], sides)
        body = [_row("td", cells, sides) for cells in zip(*(words for _, words in columns), strict=True)]
        all_are_there = len(first) == len(self)
        more = "" if all_are_there else f"<p>The first {len(first)} of {indian_count(len(self))} rows.</p>"
        return f'<table class="dataframe"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>{more}'


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
    return str(value)


def _row(tag: str, cells: Any, sides: list[str]) -> str:
    shown = [
        f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
        for text, side in zip(cells, sides, strict=True)
    ]
    return f"<tr>{''.join(shown)}</tr>"
