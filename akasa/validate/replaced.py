"""Orders that a later delivery replaced: with fewer lines than before, another number, in another year."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.validate import cleaning
from akasa.workspace.settings import Settings

_APRIL = 3  # months before it: the year of accounts begins in April
_ID = pa.large_string()


@dataclass(frozen=True)
class Replaced:
    """Ids, in order, of orders whose last version differs so from an earlier one.

    Another year is one of the calendar or of accounts, which begins in April: where numbers start again with
    a year, the orders of the year before vanish.
    """

    fewer_lines: tuple[str, ...] = ()
    other_number: tuple[str, ...] = ()
    other_year: tuple[str, ...] = ()


def look(settings: Settings, deliveries: Sequence[str]) -> Replaced:
    """Return the orders that were replaced so.

    `deliveries` are the sha256 of those of orders, in delivery order; one whose judgement was lost tells
    nothing. Only orders that came more than once are looked at.
    """
    found = [settings.judged / f"orders-{sha256}" / "accepted.parquet" for sha256 in deliveries]
    there = [(place, file) for place, file in enumerate(found) if file.exists()]
    again = _come_again([file for _, file in there]) if len(there) > 1 else pa.array([], _ID)
    if not len(again):
        return Replaced()
    rows = pa.concat_tables([_lines(place, file, again) for place, file in there]).to_pandas()
    versions = rows.groupby(["order_id", "place"], sort=True).agg(
        lines=("mobile_number", "size"), number=("mobile_number", "first"), day=("order_date", "first")
    )
    days = pd.to_datetime(versions.pop("day"))
    versions["year"], versions["accounts"] = days.dt.year, (days - pd.DateOffset(months=_APRIL)).dt.year
    by_order = versions.groupby(level="order_id")
    last, numbers = by_order.last(), by_order.nunique()
    fewer = last["lines"] < by_order["lines"].max()
    other_year = numbers["year"].gt(1) | numbers["accounts"].gt(1)
    marks = (fewer, numbers["number"].gt(1), other_year)
    return Replaced(*(tuple(map(str, last.index[mark])) for mark in marks))


def rejected(settings: Settings, kind: str, sha256: str) -> list[str]:
    """Return the ids, clean, of customers or orders of which a published delivery had rejected records."""
    file = settings.judged / f"{kind}-{sha256}" / "rejected.parquet"
    if not file.exists():
        return []
    column = "customer_id" if kind == "customers" else "order_id"
    ids = pq.read_table(file, columns=[column])[column].cast(pa.string())
    return sorted(set(pc.drop_null(cleaning.ids(ids)).to_pylist()))


def _come_again(files: Sequence[Path]) -> pa.Array:
    """Return the ids of orders that more than one file has."""
    ids = [pc.unique(pq.read_table(file, columns=["order_id"])["order_id"].cast(_ID)) for file in files]
    counts = pc.value_counts(pa.chunked_array(ids, _ID))
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _lines(place: int, file: Path, ids: pa.Array) -> pa.Table:
    """Return a file's lines of some orders: order_id, mobile_number, order_date, place."""
    rows = pq.read_table(file, columns=["order_id", "mobile_number", "order_date"])
    kinds = {"order_id": _ID, "mobile_number": _ID, "order_date": pa.timestamp("s")}
    rows = rows.filter(pc.is_in(rows["order_id"].cast(_ID), value_set=ids)).cast(pa.schema(kinds))
    return rows.append_column("place", pa.array([place] * len(rows), pa.int64()))
