"""What the four KPIs are: their columns, types and order. All that the engines share.

Money stands in every frame as whole paise (int64); outputs print rupees.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from akasa.workspace.tables import MOST_PAISE

Kind = Literal["text", "count", "paise", "date"]
Whole = TypeVar("Whole", int, "pd.Series[int]")

DTYPES: dict[Kind, str] = {"text": "str", "count": "int64", "paise": "int64", "date": "datetime64[s]"}

WINDOW_DAYS = 30
TOP_N = 10
UNMATCHED = "Unmatched"
# A customer's own region of that name. No other can be called so: regions are in title case.
REGION_UNMATCHED = "Unmatched (region)"


@dataclass(frozen=True)
class Definition:
    """One KPI: its columns in order with their kinds, its key, its row order (column, descending).

    `row` says what a row is; `options` what it takes beside as_of; `average` names the total that
    avg_order_value is the average of, for an engine that cannot divide as `average_paise` does; `unmatched`
    the column that engines leave null for orders that nobody owns, which `canonical` names.
    """

    name: str
    row: str
    columns: dict[str, Kind]
    key: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]
    options: tuple[str, ...] = ()
    average: str | None = None
    unmatched: str | None = None

    def of_kind(self, kind: Kind) -> list[str]:
        return [column for column, of in self.columns.items() if of == kind]


DEFINITIONS: dict[str, Definition] = {}


def define(definition: Definition) -> None:
    """Add a KPI: every engine computes it, every report shows it."""
    DEFINITIONS[definition.name] = definition


CUSTOMER: dict[str, Kind] = {
    "customer_id": "text",
    "customer_name": "text",
    "mobile_number": "text",
    "region": "text",
}

define(
    Definition(
        "repeat_customers",
        row="a known customer with more than one order",
        columns={**CUSTOMER, "order_count": "count"},
        key=("customer_id",),
        order=(("order_count", True), ("customer_id", False)),
    )
)
define(
    Definition(
        "monthly_trends",
        row="a month that has orders, unmatched ones included",
        columns={"year": "count", "month": "count", "order_count": "count", "total_revenue": "paise"},
        key=("year", "month"),
        order=(("year", False), ("month", False)),
    )
)
define(
    Definition(
        "regional_revenue",
        row="a region; orders whose number nobody holds stand in `Unmatched`",
        columns={
            "region": "text",
            "customer_count": "count",
            "order_count": "count",
            "total_revenue": "paise",
            "avg_order_value": "paise",
        },
        key=("region",),
        order=(("total_revenue", True), ("region", False)),
        average="total_revenue",
        unmatched="region",
    )
)
define(
    Definition(
        "top_spenders",
        row="one of the `top_n` customers by spending in the `window_days` days that end with `as_of`",
        columns={
            **CUSTOMER,
            "order_count": "count",
            "total_spent": "paise",
            "avg_order_value": "paise",
            "last_order_date": "date",
        },
        key=("customer_id",),
        order=(("total_spent", True), ("customer_id", False)),
        options=("window_days", "top_n"),
        average="total_spent",
    )
)


def average_paise(total_paise: Whole, count: Whole) -> Whole:
    """Return total / count in whole paise, rounded half up, without a float (count > 0).

    >>> average_paise(1001, 2)
    501
    """
    return total_paise // count + (2 * (total_paise % count) >= count)


def canonical(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the KPI's columns in their defined order and types, its rows in their defined order.

    Raises OverflowError for money beyond 64 bits.
    """
    definition = DEFINITIONS[name]
    _require_room(name, frame)
    typed = frame[list(definition.columns)].astype({c: DTYPES[k] for c, k in definition.columns.items()})
    if definition.unmatched:
        typed[definition.unmatched] = named(typed[definition.unmatched])
    order = row_order(name, typed)
    return (typed if order is None else typed.take(order)).reset_index(drop=True)


def row_order(name: str, frame: pd.DataFrame) -> "NDArray[np.int64] | None":
    """Return which rows come first, second, … in the KPI's order; None where they stand so.

    Raises OverflowError for money beyond 64 bits.
    """
    _require_room(name, frame)
    order = DEFINITIONS[name].order
    keys = [(column, "descending" if descending else "ascending") for column, descending in order]
    by = pa.table({column: frame[column] for column, _ in keys})
    return None if _stand(by, keys) else pc.sort_indices(by, _still_to_sort(by, keys)).to_numpy()


def named(regions: "pd.Series[str]") -> "pd.Series[str]":
    """Return regions as outputs call them: the orders that nobody owns (null) are a fact, not a region.

    >>> named(pd.Series(["North", "Unmatched", None], dtype="str")).tolist()
    ['North', 'Unmatched (region)', 'Unmatched']
    """
    return regions.replace(UNMATCHED, REGION_UNMATCHED).fillna(UNMATCHED)


def _require_room(name: str, frame: pd.DataFrame) -> None:
    for column in {*DEFINITIONS[name].of_kind("paise")} & {*frame}:
        if len(frame) and frame[column].max() > MOST_PAISE:
            raise OverflowError(
                f"{name}: a {column} of {frame[column].max()} paise is more than {MOST_PAISE}, "
                "the most that tables and files hold; ask for an earlier as_of"
            )


def _stand(rows: pa.Table, keys: list[tuple[str, str]]) -> bool:
    """Say whether rows stand in order: of no two neighbours that tie in the keys before is one wrong."""
    tied: Any = True
    for column, direction in keys:
        one, following = rows[column][:-1], rows[column][1:]
        wrong = pc.less(one, following) if direction == "descending" else pc.greater(one, following)
        if pc.any(pc.and_(tied, wrong)).as_py():
            return False
        tied = pc.and_(tied, pc.equal(one, following))
    return True


def _still_to_sort(rows: pa.Table, keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the last key where the rows already stand by it: the sort is stable, and texts sort slowly.

    The warehouse's customers stand by customer_id.
    """
    *first, (last, direction) = keys
    return first if first and _stand(rows, [(last, direction)]) else keys


def resolve_as_of(asked: str | None, latest: date | None) -> date | None:
    """Return the day up to which orders count: the one asked for (`YYYY-MM-DD`), else the latest order's."""
    return date.fromisoformat(asked) if asked else latest


def window_start(as_of: date, window_days: int) -> date:
    """Return the last day before the `window_days` days that end with `as_of`; a window can span all days.

    >>> window_start(date(2025, 11, 30), 30)
    datetime.date(2025, 10, 31)
    """
    return as_of - timedelta(days=min(window_days, (as_of - date.min).days))
