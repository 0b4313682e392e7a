"""The five cards of the page: a number each, and the last full month beside the one before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pandas as pd

from akasa.kpis.definitions import average_paise
from akasa.report import periods
from akasa.report.formats import indian, indian_count, percent
from akasa.report.periods import Month

MOST_SPARKS = 12
Trend = Mapping[Month, tuple[int, int]]  # a month that has orders → how many, and their paise


@dataclass(frozen=True)
class Card:
    """A label, a number, what it is compared with, and heights (0 to 100) of months, the last one open."""

    label: str
    value: str
    note: str
    sparks: tuple[int, ...] = ()
    open: bool = False
    link: tuple[str, str] | None = None


def trend(months: pd.DataFrame) -> Trend:
    """Return a frame of monthly_trends by month."""
    rows = zip(
        *(months[name].tolist() for name in ("year", "month", "order_count", "total_revenue")), strict=True
    )
    return {Month(year, month): (orders, paise) for year, month, orders, paise in rows}


def of_orders(months: Trend, as_of: date | None, begins: date | None) -> list[Card]:
    """Return the cards of revenue, orders and the average order; `begins` is the first order's day."""
    orders, paise = (sum(values) for values in zip((0, 0), *months.values(), strict=True))
    average = indian(average_paise(paise, orders)) if orders else "none yet"
    kinds: list[tuple[str, str, Callable[[tuple[int, int]], int], Callable[[int], str]]] = [
        ("Revenue", indian(paise), lambda month: month[1], indian),
        ("Orders", indian_count(orders), lambda month: month[0], indian_count),
        (
            "Average order",
            average,
            lambda month: average_paise(month[1], month[0]) if month[0] else 0,
            indian,
        ),
    ]
    return [
        Card(
            label,
            value,
            compared({month: part(both) for month, both in months.items()}, as_of, begins, form),
            heights({month: part(both) for month, both in months.items()}, as_of),
            as_of is not None and not periods.is_over(periods.month_of(as_of), as_of),
        )
        for label, value, part, form in kinds
    ]


def compared(
    values: Mapping[Month, int], as_of: date | None, begins: date | None, form: Callable[[int], str]
) -> str:
    """Say what the last full month brought, and how that differs from the month before.

    >>> values = {Month(2025, 9): 400, Month(2025, 10): 500, Month(2025, 11): 10}
    >>> compared(values, date(2025, 11, 10), date(2025, 9, 1), str)
    'October 2025: 500, +25.0 % on September'
    """
    if as_of is None or begins is None:
        return "no orders yet"
    month, first = periods.last_full(as_of), periods.month_of(begins)
    if month < first:
        return "no full month yet"
    now, before = values.get(month, 0), values.get(month.before, 0)
    told = f"{month.words}: {form(now) if now else 'none'}"
    if month == first:
        return f"{told}, the first month"
    name = month.before.words if month.before.year != month.year else month.before.words.split()[0]
    began = f" (which begins on day {begins.day})" if month.before == first and begins.day > 1 else ""
    return f"{told}, {change(now, before)} {name}{began}"


def change(now: int, before: int) -> str:
    """Return the difference in tenths of a percent, rounded half up, with its sign, as words before a month.

    >>> change(3, 2), change(2, 3), change(2, 2), change(2, 0), change(0, 0)
    ('+50.0 % on', '−33.3 % on', 'as in', 'after none in', 'as in')
    """
    if now == before:
        return "as in"
    if not before:
        return "after none in"
    return f"{'+' if now > before else '−'}{percent(abs(now - before), before)} on"


def repeat(now: tuple[int, int], full: Month | None, then: tuple[int, int], before: tuple[int, int]) -> Card:
    """Return the card of repeat customers: (who came back, who ordered) now and at the end of two months.

    `full` is the last full month, `then` its end, `before` that of the month before it.
    """
    back, buyers = now
    value = percent(back, buyers) if buyers else "none yet"
    note = f"{indian_count(back)} of {indian_count(buyers)} who ordered"
    if full is None or not then[1]:
        return Card("Repeat customers", value, note)
    note += f"; {percent(*then)} at the end of {full.words}"
    if before[1]:
        points = _half_up(Fraction(1000 * then[0], then[1]) - Fraction(1000 * before[0], before[1]))
        sign = "+" if points > 0 else "−" if points < 0 else "±"
        note += f", {sign}{abs(points) // 10}.{abs(points) % 10} points in that month"
    return Card("Repeat customers", value, note)


def turned_away(ledger: pd.DataFrame) -> Card:
    """Return the card of rejected records; those of the latest day in a delivery's name beside the others.

    `ledger` has records, rejected and day (none for a delivery without one in its name) of each delivery.
    """
    rejected, records = int(ledger["rejected"].sum()), int(ledger["records"].sum())
    days = [day for day in ledger["day"] if day]
    latest = ledger["day"] == max(days, default=None)
    note = f"{percent(rejected, records)} of all records delivered"
    if days and not latest.all():
        now, before = (_share(ledger[which]) for which in (latest, ~latest))
        note = f"{now} in the files of {periods.words(max(days))}, {before} in those before"
    value = f"{indian_count(rejected)} of {indian_count(records)}"
    return Card("Turned away", value, note, link=("Why?", "#rejects") if rejected else None)


def heights(values: Mapping[Month, int], as_of: date | None) -> tuple[int, ...]:
    """Return the months up to `as_of`, twelve at most, as parts of a hundred of the largest."""
    if as_of is None or not values:
        return ()
    months = periods.until(min(values), periods.month_of(as_of))[-MOST_SPARKS:]
    shown = [values.get(month, 0) for month in months]
    return tuple(100 * value // max(*shown, 1) for value in shown) if len(shown) > 1 else ()


def _share(ledger: pd.DataFrame) -> str:
    rejected, records = int(ledger["rejected"].sum()), int(ledger["records"].sum())
    return f"{indian_count(rejected)} of {indian_count(records)}"


def _half_up(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole
