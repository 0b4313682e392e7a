"""What each new delivery brings, in a row: what the audit asks of deliveries, beside their rows.

Its records and rows are counted, the orders whose number nobody holds, and its revenue beside that of days
before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from statistics import median
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest import deliveries
from akasa.publish import fold
from akasa.stores import database
from akasa.stores.models import HOLDINGS
from akasa.validate import drift, verdicts
from akasa.validate.plan import Planned
from akasa.validate.profiles import COMPARED
from akasa.validate.suites import DELIVERY_COLUMNS
from akasa.validate.verdicts import Judged
from akasa.workspace.rows import Table, parts, whole
from akasa.workspace.settings import Settings

Brought: TypeAlias = tuple[date | None, int | None]  # a day and what it brought, in paise, if that is known

_ID = {"customers": "customer_id", "orders": "order_id"}
_ROWS = {"customers": "customers", "orders": "order_items"}


def accounts(
    settings: Settings,
    records: Mapping[tuple[str, str], int],
    known: Sequence[Planned],
    judged: Sequence[Judged],
    tables: Mapping[str, Table],
) -> pd.DataFrame:
    """Return one row a new delivery: the columns of `suites.DELIVERY_COLUMNS`.

    `records` were read of each, by its key; `known` are all deliveries in their order. `rows_due` is missing
    where published deliveries take part again, `revenue_ratio` where too few days stand before, and both
    ratios where there are no orders.
    """
    loose, due = _unmatched(settings, tables), _rows_due(settings, judged)
    arrived = {kind: _arrived(tables[name]) for kind, name in _ROWS.items()}
    revenue = _revenue_ratios(settings, known, judged)
    rows = [
        (
            one.delivery.name,
            records.get(one.delivery.key, one.records.count),
            one.records.count,
            arrived[one.delivery.kind][one.delivery.delivery_id],
            due.get(one.delivery.sha256),
            loose.get(one.delivery.delivery_id),
            revenue.get(one.delivery.sha256),
        )
        for one in judged
        if one.delivery.status == "new"
    ]
    return pd.DataFrame(rows, columns=list(DELIVERY_COLUMNS)).astype(DELIVERY_COLUMNS)


def _arrived(table: Table) -> Counter[int]:
    """Return delivery_id → how many rows of a table come from it."""
    found: Counter[int] = Counter()
    for part in parts(table, ["delivery_id"]):
        found.update(part["delivery_id"].value_counts().to_dict())
    return found


def _unmatched(settings: Settings, tables: Mapping[str, Table]) -> dict[int, float]:
    """Return delivery_id → which share of its orders is of numbers that nobody will hold."""
    held = _numbers(whole(tables["holdings"])["mobile_number"])
    count, loose = _arrived(tables["orders"]), Counter[int]()
    for orders in parts(tables["orders"], ["mobile_number", "delivery_id"]):
        loose.update(_loose(settings, orders, held))
    return {delivery_id: loose[delivery_id] / count[delivery_id] for delivery_id in count}


def _loose(settings: Settings, orders: pd.DataFrame, held: pa.Array) -> Counter[int]:
    """Return delivery_id → how many of its orders are of numbers neither held before nor among those."""
    number = _numbers(orders["mobile_number"])
    loose = pc.invert(pc.is_in(number, value_set=held))
    others = pc.unique(number.filter(loose)).cast(pa.string()).to_pylist()
    before = database.rows_of(settings, HOLDINGS.c.mobile_number, others)["mobile_number"]
    loose = pc.and_(loose, pc.invert(pc.is_in(number, value_set=_numbers(before.to_pandas()))))
    return Counter(orders["delivery_id"][np.asarray(loose)].value_counts().to_dict())


def _numbers(column: "pd.Series[str]") -> pa.Array:
    """Return mobile numbers, which have ten digits, as whole ones: they are looked up four times as fast."""
    return _texts(column).cast(pa.int64())


def _texts(column: "pd.Series[str]") -> pa.Array:
    found = pa.array(column, pa.string()).cast(pa.string())  # a frame's own text is large_string
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _rows_due(settings: Settings, judged: Sequence[Judged]) -> dict[str, int]:
    """Return sha256 → how many of its accepted records no later delivery replaces."""
    if any(one.delivery.status != "new" for one in judged):
        return {}
    due = Counter({one.delivery.sha256: 0 for one in judged})
    for kind, key in _ID.items():
        of_kind = [one for one in judged if one.delivery.kind == kind]
        for part in fold.by_ids(settings, of_kind, [key]):
            due.update(dict(_due_of(key, part)))
    return dict(due)


def _due_of(key: str, judged: Sequence[Judged]) -> Iterator[tuple[str, int]]:
    later = pa.array([], pa.string())
    for one in sorted(judged, key=lambda one: one.delivery.position, reverse=True):
        ids = _texts(one.records.accepted[key])
        replaced = pc.sum(pc.is_in(ids, value_set=later)).as_py() or 0 if len(later) else 0
        yield one.delivery.sha256, len(ids) - replaced
        if len(judged) > 1:
            later = pc.unique(pa.concat_arrays([later, ids]))


def _revenue_ratios(
    settings: Settings, known: Sequence[Planned], judged: Sequence[Judged]
) -> dict[str, float]:
    """Return sha256 → revenue of the orders that it brings, by the median of the days before it."""
    new = {one.delivery.sha256: one for one in judged if one.delivery.kind == "orders"}
    days = [one for one in known if one.kind == "orders" and deliveries.named_day(one.name)]
    first = next((place for place, one in enumerate(days) if one.sha256 in new), len(days))
    days = days[max(0, first - COMPARED) :]
    brought = [(deliveries.named_day(one.name), _paise(settings, one, new)) for one in days]
    ratios = {
        one.sha256: _ratio(brought[place], brought[max(0, place - COMPARED) : place])
        for place, one in enumerate(days)
        if one.sha256 in new
    }
    return {sha256: ratio for sha256, ratio in ratios.items() if ratio is not None}


def _ratio(one: Brought, before: Sequence[Brought]) -> float | None:
    (day, paise), told = one, [(then, amount) for then, amount in before if then and amount is not None]
    asked = drift.comparable(day, told) if day else None
    middle = median(asked.values) if asked else 0
    return (paise or 0) / middle if middle else None


def _paise(settings: Settings, one: Planned, new: Mapping[str, Judged]) -> int | None:
    judged = new.get(one.sha256)
    if judged is None:
        return verdicts.kept_revenue(settings, one)
    return verdicts.revenue_of(judged.records, settings.amount_is)
