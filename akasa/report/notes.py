"""What is worth knowing before the numbers are used: computed, and only what is true."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import pandas as pd

from akasa.report import periods
from akasa.report.formats import indian, indian_count, percent
from akasa.validate.audits import Audit, Finding
from akasa.validate.replaced import Replaced
from akasa.workspace import clock
from akasa.workspace.wording import counted

LARGE_SHARE = 10  # of a hundred: one order with more than this of all revenue moves every comparison
MOST_NAMED = 5
_RESTARTED = (
    "If numbers start again with a year, the orders of the year before are lost to every number here."
)


def month_is_open(as_of: date | None) -> list[str]:
    """Say that the last month is not over.

    >>> month_is_open(date(2025, 11, 10))
    ['November 2025 is not over: it holds 10 of its 30 days, so a lower bar is no fall.']
    >>> month_is_open(date(2025, 11, 30))
    []
    """
    if as_of is None or periods.is_over(month := periods.month_of(as_of), as_of):
        return []
    return [
        f"{month.words} is not over: it holds {as_of.day} of its {month.days} days, "
        "so a lower bar is no fall."
    ]


def not_adding_up(rows: int) -> list[str]:
    """Say that numbers are not what the delivered lines come to, although the engines agree.

    >>> not_adding_up(1)
    ['Do not use these numbers: 1 row is not what its delivered lines come to; explain.html says which.']
    """
    are = "is not what its" if rows == 1 else "are not what their"
    row = counted(rows, "row")
    told = f"Do not use these numbers: {row} {are} delivered lines come to; explain.html says which."
    return [told] if rows else []


def one_large_order(largest: pd.DataFrame, revenue: int) -> list[str]:
    """Name an order of more than a tenth of all revenue, in paise.

    `largest` has order_id, order_date (text), total_amount_paise.
    """
    return [
        f"One order, {row.order_id} of {periods.words(date.fromisoformat(row.order_date))}, is "
        f"{indian(row.total_amount_paise)}: {percent(row.total_amount_paise, revenue)} of all revenue."
        for row in largest.itertuples()
        if row.total_amount_paise * 100 > LARGE_SHARE * revenue
    ]


def numbers_changed_hands(count: int) -> list[str]:
    """Count the numbers that have another holder now.

    >>> numbers_changed_hands(1)
    ['One phone number changed hands; each order belongs to who held its number on its day.']
    """
    how_many = "One phone number" if count == 1 else f"{indian_count(count)} phone numbers"
    return (
        [f"{how_many} changed hands; each order belongs to who held its number on its day."] if count else []
    )


def files_refused(refused: Sequence[str]) -> list[str]:
    """Name the files that were refused as a whole.

    >>> files_refused(["incoming/a.xml, line 3: not well-formed XML"])
    ['One file was refused, and nothing in it counts: incoming/a.xml, line 3: not well-formed XML']
    """
    if not refused:
        return []
    how_many = "One file was" if len(refused) == 1 else f"{indian_count(len(refused))} files were"
    return [
        f"{how_many} refused, and nothing in {'it' if len(refused) == 1 else 'them'} counts: {_some(refused)}"
    ]


def days_missing(days: Mapping[str, set[date]]) -> list[str]:
    """Name the days between deliveries for which a kind of file did not come.

    `days` are those in the names of files, by kind. A kind's own first day begins its feed, the last day of
    any kind ends it: what is yet to come is not missing.

    >>> days_missing({"orders": {date(2025, 11, 11), date(2025, 11, 13)}, "customers": {date(2025, 11, 12)}})
    ['No customers file came for 13 November 2025.', 'No orders file came for 12 November 2025.']
    """
    last = max((max(of_kind) for of_kind in days.values() if of_kind), default=None)
    return [
        f"No {kind} file came for {_some([periods.words(day) for day in gaps])}."
        for kind, of_kind in sorted(days.items())
        if of_kind and last and (gaps := _between(min(of_kind), last, of_kind))
    ]


def nothing_delivered(last: datetime | None, now: datetime, hours: float) -> list[str]:
    """Say that the last new delivery is older than so many hours.

    >>> nothing_delivered(datetime(2025, 11, 10, 6), datetime(2025, 11, 12, 7), 48)
    ['Nothing new was delivered for 49 hours; the last came on 10 November 2025.']
    >>> nothing_delivered(datetime(2025, 11, 10, 6), datetime(2025, 11, 12, 6), 48)
    []
    """
    silence = clock.hours_of_silence(last, now, hours)
    if last is None or silence is None:
        return []
    since = indian_count(silence)
    return [f"Nothing new was delivered for {since} hours; the last came on {periods.words(last.date())}."]


def replaced(found: Replaced) -> list[str]:
    """Name the orders whose present version is not what an earlier one was, what vanished by it first.

    >>> replaced(Replaced(other_year=("ORD-1", "ORD-2")))[0][:66]
    '2 orders were replaced by orders of another year: ORD-1, ORD-2. If'
    >>> replaced(Replaced(fewer_lines=("ORD-7",)))
    ['One order was delivered again with fewer lines than before: ORD-7. The later version counts.']
    """
    counts = "The later version counts."
    told = (
        (found.other_year, "replaced by {} of another year", f"{_RESTARTED} {counts}"),
        (found.other_number, "delivered again with another mobile number", counts),
        (found.fewer_lines, "delivered again with fewer lines than before", counts),
    )
    return [
        f"{_were(orders)} {how.format('one' if len(orders) == 1 else 'orders')}: {_some(orders)}. {what}"
        for orders, how, what in told
        if orders
    ]


def audit_warned(audit: Audit | None) -> list[str]:
    """Name each check of the audit that only warns and does not hold, with the rows against it."""
    warned = audit.warned if audit else ()
    return [f"The audit warns: it is not so that {_small(one.words)} ({_against(one)})." for one in warned]


def _small(words: str) -> str:
    return words[:1].lower() + words[1:]


def _against(one: Finding) -> str:
    """Name the first rows by their keys, with what was found."""
    rows = [f"{row[0]}: {', '.join(map(_measured, one.shown[1:], row[1:]))}" for row in one.examples if row]
    return _some(rows) if rows else one.error or counted(one.unexpected, "row")


def _measured(column: str, value: str) -> str:
    """Return what was found in a column of deliveries in words.

    >>> _measured("unmatched_ratio", "0.3438"), _measured("revenue_ratio", "7.1"), _measured("rows", "2")
    ('34.4 %', '7.1 times', '2')
    """
    if column == "unmatched_ratio":
        return percent(round(float(value) * 10_000), 10_000)
    return f"{value} times" if column == "revenue_ratio" else value


def older_stand(found: Sequence[tuple[str, str]]) -> list[str]:
    """Name what stands in an older version, since the newest was turned away: (id, its delivery).

    >>> older_stand([("ORD-7", "incoming/o.xml")])
    ['The newest version of ORD-7 (incoming/o.xml) was turned away, so an older one counts: see rejects/.']
    """
    if not found:
        return []
    named = _some([f"{one} ({delivery})" for one, delivery in found])
    counts = "an older one counts" if len(found) == 1 else "older ones count"
    return [f"The newest version of {named} was turned away, so {counts}: see rejects/."]


def _were(orders: Sequence[str]) -> str:
    return "One order was" if len(orders) == 1 else f"{indian_count(len(orders))} orders were"


def lacking(names: int, regions: int) -> list[str]:
    """Count the customers who were accepted without a name, or without a region.

    >>> lacking(1, 20), lacking(0, 0)
    (['One customer has no name, 20 have no region: they read Unknown.'], [])
    """
    told = [f"{_people(count)} no {what}" for count, what in ((names, "name"), (regions, "region")) if count]
    if not told:
        return []
    first, *second = told
    others = (part.replace(" customers", "").replace(" customer", "").lower() for part in second)
    reads = "it reads" if names + regions == 1 else "they read"
    return [f"{', '.join([first, *others])}: {reads} Unknown."]


def _people(count: int) -> str:
    return "One customer has" if count == 1 else f"{indian_count(count)} customers have"


def unmatched(orders: int, paise: int, revenue: int) -> list[str]:
    """Say how much came from numbers that no customer holds.

    >>> unmatched(1, 500, 1000)
    ['One order, ₹5.00 or 50.0 % of all revenue, has no known customer.']
    """
    how_many = "One order" if orders == 1 else f"{indian_count(orders)} orders"
    has = "has" if orders == 1 else "have"
    return (
        [f"{how_many}, {indian(paise)} or {percent(paise, revenue)} of all revenue, {has} no known customer."]
        if orders
        else []
    )


def _between(first: date, last: date, there: set[date]) -> list[date]:
    every = (first + timedelta(days=n) for n in range((last - first).days))
    return [day for day in (*every, last) if day not in there]


def _some(things: Sequence[str]) -> str:
    """Join the first few, and count the others.

    >>> _some(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    more = len(things) - MOST_NAMED
    return ", ".join(things[:MOST_NAMED]) + (f" and {indian_count(more)} more" if more > 0 else "")
