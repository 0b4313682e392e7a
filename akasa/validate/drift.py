"""What is unlike before in a delivery: told beside the numbers, and deciding about none of them.

A delivery is compared with those of its kind that stand before it, `profiles.COMPARED` at most.
The rules are those of docs/rules.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Literal

from akasa.validate.cleaning import UNKNOWN
from akasa.validate.profiles import COMPARED
from akasa.validate.profiling import Profile

FEWEST = 5  # deliveries that say what is usual
FEWEST_OF_A_WEEKDAY = 4
FEWEST_TO_BE_NEW = 3  # deliveries in which something never came
DEVIATIONS = 7.5  # median ones from the median; of a normal distribution, five standard deviations
LEAST_SLACK = 0.25  # of the median: a feed that is all but constant may still move
FEWEST_RECORDS = 10
REJECTED_RISE, UNMATCHED_RISE = 0.02, 0.05
TELLING_SHARE = 0.01  # of a field's records: fewer in a new form are an incident, and no change of the feed

What = Literal["volume", "form", "region", "rejected", "unmatched"]


@dataclass(frozen=True)
class Delivered:
    """A published delivery, as it is compared. `day` is that in its name; a base file has none.

    `orders` are those that stand from it in the tables, `unmatched` those of them whose number nobody holds.
    `profile` is None where it is missing.
    """

    kind: str
    name: str
    sha256: str
    day: date | None
    records: int
    rejected: int
    orders: int = 0
    unmatched: int = 0
    profile: Profile | None = None


@dataclass(frozen=True)
class Comparable:
    """What days brought with which one is compared; all are of its `weekday`, or of any."""

    values: tuple[int, ...]
    weekday: bool = False


@dataclass(frozen=True)
class Usual:
    """Between what a number lies as a rule, as `of` deliveries say; of `weekday` if these are of one."""

    least: float
    most: float
    of: int
    weekday: bool = False


@dataclass(frozen=True)
class Drift:
    """One thing that is unlike before: `count` of `whole`, and what was usual, where a number says it.

    `column` and `value` say which form or region it is; `before` is with how many deliveries it was compared.
    """

    what: What
    kind: str
    delivery: str
    day: date | None
    count: int
    whole: int
    before: int
    usual: Usual | None = None
    column: str = ""
    value: str = ""


def of_each(deliveries: Sequence[Delivered]) -> list[list[Drift]]:
    """Return for each delivery of a kind, in delivery order, what is unlike those before it."""
    return [
        list(_of(one, deliveries[max(0, place - COMPARED) : place])) for place, one in enumerate(deliveries)
    ]


def usual_volume(one: Delivered, before: Sequence[Delivered]) -> Usual | None:
    """Return between how many records a delivery of its day has as a rule; None where too few say so.

    Files without a day in their name are no days. Same weekdays are asked where there are enough of them.
    """
    days = [(other.day, other.records) for other in before if other.day]
    asked = comparable(one.day, days) if one.day else None
    if asked is None:
        return None
    middle, spread = _spread(asked.values)
    slack = max(spread, LEAST_SLACK * middle, FEWEST_RECORDS)
    return Usual(max(0.0, middle - slack), middle + slack, len(asked.values), asked.weekday)


def comparable(day: date, before: Sequence[tuple[date, int]]) -> Comparable | None:
    """Return what the days before brought that are of the same weekday, where there are enough of them.

    Else all days before; None where these are too few.
    """
    same = tuple(value for then, value in before if then.weekday() == day.weekday())
    if len(same) >= FEWEST_OF_A_WEEKDAY:
        return Comparable(same, weekday=True)
    return Comparable(tuple(value for _, value in before)) if len(before) >= FEWEST else None


def usual_share(shares: Sequence[float], rise: float) -> Usual | None:
    """Return up to what a share goes as a rule: it may always rise by `rise`."""
    if len(shares) < FEWEST:
        return None
    middle, spread = _spread(shares)
    return Usual(0.0, min(1.0, middle + max(spread, rise)), len(shares))


def _of(one: Delivered, before: Sequence[Delivered]) -> Iterator[Drift]:
    yield from _volume(one, before)
    yield from _risen("rejected", one, before, lambda d: (d.rejected, d.records), REJECTED_RISE)
    yield from _risen("unmatched", one, before, lambda d: (d.unmatched, d.orders), UNMATCHED_RISE)
    yield from _regions(one, before)
    yield from _forms(one, before)


def _volume(one: Delivered, before: Sequence[Delivered]) -> Iterator[Drift]:
    usual = usual_volume(one, before)
    if usual and not usual.least <= one.records <= usual.most:
        counts = one.records, one.records, len(before)
        yield Drift("volume", one.kind, one.name, one.day, *counts, usual)


def _risen(
    what: What,
    one: Delivered,
    before: Sequence[Delivered],
    part: Callable[[Delivered], tuple[int, int]],
    rise: float,
) -> Iterator[Drift]:
    shares = [some / whole for some, whole in map(part, before) if whole]
    (count, whole), usual = part(one), usual_share(shares, rise)
    if usual and whole and count / whole > usual.most:
        yield Drift(what, one.kind, one.name, one.day, count, whole, len(before), usual)


def _forms(one: Delivered, before: Sequence[Delivered]) -> Iterator[Drift]:
    earlier = _profiled(before)
    if one.profile is None or len(earlier) < FEWEST_TO_BE_NEW:
        return
    for name, column in one.profile.columns.items():
        known = {form for profile in earlier for form in profile.columns[name].forms}
        for form, count in column.forms.items():
            if form not in known and count >= TELLING_SHARE * column.filled:
                whole, many = column.filled, len(earlier)
                yield Drift("form", one.kind, one.name, one.day, count, whole, many, None, name, form)


def _regions(one: Delivered, before: Sequence[Delivered]) -> Iterator[Drift]:
    earlier = _profiled(before)
    if one.profile is None or len(earlier) < FEWEST_TO_BE_NEW:
        return
    known = {UNKNOWN, *(region for profile in earlier for region in profile.regions)}
    for region, count in one.profile.regions.items():
        if region not in known:
            whole, many = one.profile.records, len(earlier)
            yield Drift("region", one.kind, one.name, one.day, count, whole, many, None, "region", region)


def _profiled(deliveries: Iterable[Delivered]) -> list[Profile]:
    return [one.profile for one in deliveries if one.profile]


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median, and how far from it values lie as a rule.

    >>> _spread([100, 101, 99, 400])
    (100.5, 7.5)
    """
    middle = float(median(values))
    deviation = float(median(abs(value - middle) for value in values))
    return middle, DEVIATIONS * deviation
