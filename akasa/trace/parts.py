"""Which orders a row of a KPI counts: by whom, where and when they were, worked out from claims alone."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, or_, select

from akasa.kpis.definitions import REGION_UNMATCHED, UNMATCHED
from akasa.stores import arrow, database
from akasa.stores.models import HOLDINGS, ORDERS
from akasa.trace import claims, plain
from akasa.trace.claims import Claims
from akasa.trace.delivered import Workspace
from akasa.trace.question import Question
from akasa.workspace.settings import Settings

OF_CUSTOMERS = ("repeat_customers", "top_spenders")
MOST_CUSTOMERS = 200  # whose numbers are sought one by one
NOBODY, OUTSIDE = -1, -2  # the row of an order that belongs to none that is asked for, or to none on its day
_NAMES = ("order_id", "order_date", "mobile_number", "total_amount_paise", "delivery_id")
_SHAPE = pa.schema([arrow.SCHEMAS["orders"].field(name) for name in _NAMES])
_DAYS = """
with recursive days as (
    select min(order_date) as day, 1 as place from orders where order_date > :after
    union all
    select (select min(orders.order_date) from orders where orders.order_date > days.day), place + 1
    from days where place < 400 and day is not null
)
select day from days where day is not null
"""
Ask = Callable[[date, str], int]  # the day and the number of an order → the place of its row
AskOwner = Callable[[str | None], int]  # who owns an order, if anybody does → the same


@dataclass
class Parts:
    """The orders that may count, as they are published, and the row of the question that each counts for.

    `orders` has order_id, order_date, mobile_number, total_amount_paise, delivery_id; `row` the place in the
    question's rows, NOBODY or OUTSIDE; `buyers` by row who ordered: customers, else numbers; `numbers` those
    of the customers in question, where rows are customers'.
    """

    orders: pa.Table
    row: np.ndarray
    claims: Claims
    buyers: list[set[str]]
    numbers: Collection[str] | None
    row_of: Ask
    row_of_owner: AskOwner


def of(look: Workspace, question: Question) -> Parts:
    """Return the parts of a question's rows."""
    customers = _customers(question)
    if customers is not None and len(customers) <= MOST_CUSTOMERS:
        known = claims.of(look, _held(look.settings, customers), customers)
        numbers: Collection[str] | None = sorted(known.by_number)
        orders = of_numbers(look.settings, sorted(known.by_number))
    else:
        known = Claims({}, {}) if question.kpi == "monthly_trends" else claims.of(look, None)
        numbers, orders = None, _of_days(look.settings, question)
    of_owner = _of_owner(question, known)
    row_of = _of_order(question, known, of_owner)
    row, buyers = _mapped(question, orders, known, row_of)
    return Parts(orders, row, known, buyers, numbers, row_of, of_owner)


def _of_order(question: Question, known: Claims, of_owner: AskOwner) -> Ask:
    if question.kpi == "monthly_trends":
        months = {(row["year"], row["month"]): place for place, row in enumerate(question.rows)}
        return lambda day, _: months.get((day.year, day.month), NOBODY)
    return lambda day, number: of_owner(_owner(known, number, day))


def _of_owner(question: Question, known: Claims) -> AskOwner:
    if question.kpi == "monthly_trends":
        return lambda _: NOBODY
    if question.kpi in OF_CUSTOMERS:
        places = {row["customer_id"]: place for place, row in enumerate(question.rows)}
        return lambda owner: places.get(owner or "", NOBODY)
    regions = {str(row["region"]): place for place, row in enumerate(question.rows)}
    folded = {plain.folded(_own_name(name)): place for name, place in regions.items() if name != UNMATCHED}

    @lru_cache(100_000)
    def of_region(owner: str | None) -> int:
        if owner is None:
            return regions.get(UNMATCHED, NOBODY)
        own = known.customers.get(owner)
        return folded.get(plain.folded(own.region), NOBODY) if own else NOBODY

    return of_region


def of_numbers(settings: Settings, numbers: Collection[str]) -> pa.Table:
    """Return all published orders of some numbers: day by day, as the index has it, which is at once."""
    found = [_SHAPE.empty_table()]
    for days in _days(settings) if numbers else ():
        where = ORDERS.c.order_date.in_(days), ORDERS.c.mobile_number.in_(list(numbers))
        found.append(_rows(settings, *where))
    return pa.concat_tables(found)


def _own_name(region: str) -> str:
    return UNMATCHED if region == REGION_UNMATCHED else region


def _owner(known: Claims, number: str, day: date) -> str | None:
    held = known.holder(number, day)
    return held.customer_id if held else None


def _customers(question: Question) -> list[str] | None:
    """Return the customers whose rows are asked for; None where a row is not a customer's."""
    return [str(row["customer_id"]) for row in question.rows] if question.kpi in OF_CUSTOMERS else None


def _held(settings: Settings, customers: Collection[str]) -> set[str]:
    """Return the numbers that are published as held by some customers."""
    found = database.rows(settings, "holdings", HOLDINGS.c.customer_id.in_(list(customers)))
    return set(found["mobile_number"].to_pylist())


def _of_days(settings: Settings, question: Question) -> pa.Table:
    """Return the published orders of the days that a question is about."""
    where = [ORDERS.c.order_date <= question.as_of]
    if question.after:
        where.append(ORDERS.c.order_date > question.after)
    if question.kpi == "monthly_trends":
        where.append(or_(*map(_in_month, question.rows)))
    return _rows(settings, *where)


def _rows(settings: Settings, *where: ColumnElement[bool]) -> pa.Table:
    """Return what is needed of published orders."""
    wanted = select(*(ORDERS.c[name] for name in _SHAPE.names)).where(*where)
    return database.selected(settings, wanted, _SHAPE)


def _in_month(row: dict[str, str | int]) -> ColumnElement[bool]:
    first = date(int(row["year"]), int(row["month"]), 1)
    following = (first + timedelta(days=31)).replace(day=1)
    return (ORDERS.c.order_date >= first) & (ORDERS.c.order_date < following)


def _days(settings: Settings) -> Iterator[list[date]]:
    """Yield the days that have orders, some at a time, each found in the index by itself."""
    last = "0001-01-01"
    while True:
        found = [str(day) for day in database.query(_DAYS, settings, after=last)["day"].tolist()]
        if not found:
            return
        yield [date.fromisoformat(day) for day in found]
        last = found[-1]


def _mapped(
    question: Question, orders: pa.Table, known: Claims, row_of: Ask
) -> tuple[np.ndarray, list[set[str]]]:
    """Return the row of each order, and who ordered in each row."""
    rows = np.full(len(orders), NOBODY, np.int32)
    buyers: list[set[str]] = [set() for _ in question.rows]
    at = 0
    for batch in orders.to_batches(max_chunksize=65_536):
        pairs = zip(batch["order_date"].to_pylist(), batch["mobile_number"].to_pylist(), strict=True)
        for place, (day, number) in enumerate(pairs, at):
            row = row_of(day, number)
            if row >= 0:
                counts = day <= question.as_of and (question.after is None or day > question.after)
                rows[place] = row if counts else OUTSIDE
                if counts and question.kpi == "regional_revenue":
                    buyers[row].add(_owner(known, number, day) or number)
        at += len(batch)
    return rows, buyers
