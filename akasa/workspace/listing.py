"""A frame that a notebook shows in full: every text whole, numbers to the right, no index of positions."""

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

ROWS = 100


class Listing(pd.DataFrame):  # type: ignore[misc]
    """A DataFrame like any other, but for how a notebook shows it. So are the frames derived from it."""

    @property
    def _constructor(self) -> type["Listing"]:
        return Listing

    def _repr_html_(self) -> str:
        return html(self)


def text(_: str, value: Any) -> str:
    """Return a column's value in words: yes or no, nothing where it is missing, else as it is."""
    if value is True or value is False:
        return "yes" if value else "no"
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def html(
    frame: pd.DataFrame, worded: Callable[[str, Any], str] = text, label: Callable[[str], str] = str
) -> str:
    """Return a frame as an HTML table, of its first 100 rows; `None.` where it has no row.

    An index is shown where it says more than the position of a row. `worded` gives a column's value in
    words, `label` a column's title.
    """
    if frame.empty:
        return "<p>None.</p>"
    shown = frame.head(ROWS)
    if not isinstance(frame.index, pd.RangeIndex):
        shown = shown.reset_index(names=[name or "" for name in frame.index.names])
    columns = [_column(shown.iloc[:, place], worded) for place in range(shown.shape[1])]
    titles = "".join(f'<th scope="col"{align}>{escape(label(title))}</th>' for title, align, _ in columns)
    rows = zip(*([f"<td{align}>{text}</td>" for text in texts] for _, align, texts in columns), strict=True)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    rest = f"<p>The first {ROWS} of {len(frame):,} rows.</p>" if len(frame) > ROWS else ""
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n{rest}"


def _column(values: "pd.Series[Any]", worded: Callable[[str, Any], str]) -> tuple[str, str, list[str]]:
    """Return a column's title, how it is aligned, and its texts as HTML."""
    texts = [worded(str(values.name), value) for value in values.tolist()]
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    money = bool(texts) and all(text.lstrip("-").startswith("₹") for text in texts)
    align = ' class="number"' if number or money else ' style="text-align: left"'
    return str(values.name), align, list(map(escape, texts))
