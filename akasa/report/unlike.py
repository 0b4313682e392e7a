"""What is unlike before in the last deliveries, in sentences."""

from collections.abc import Sequence
from math import ceil, floor

from akasa.report.formats import indian_count, percent
from akasa.report.tables import FIELDS
from akasa.validate.drift import Drift
from akasa.workspace.wording import counted

MOST_NAMED = 5


def notes(drifts: Sequence[Drift]) -> list[str]:
    """Say what is unlike before, a sentence each; of many the first, and how many more there are."""
    more = len(drifts) - MOST_NAMED
    others = [f"{counted(more, 'other thing')} in the deliveries are unlike before, too: see Data quality."]
    return [*map(sentence, drifts[:MOST_NAMED]), *(others if more > 0 else [])]


def sentence(one: Drift) -> str:
    """Say what is unlike before.

    >>> from datetime import date
    >>> from akasa.validate.drift import Usual
    >>> usual = Usual(1150.5, 1849.5, 4, weekday=True)
    >>> sentence(Drift("volume", "orders", "o.xml", date(2025, 11, 12), 99, 99, 30, usual))
    'o.xml has 99 records; on a Wednesday 1,151 to 1,849 are usual.'
    >>> sentence(Drift("rejected", "orders", "o.xml", None, 5, 50, 30, Usual(0.0, 0.031, 30)))
    '10.0 % of o.xml was turned away; up to 3.1 % is usual.'
    """
    if one.what == "volume":
        return f"{one.delivery} has {counted(one.count, 'record')}; {_usual(one)}."
    if one.what == "rejected":
        return f"{percent(one.count, one.whole)} of {one.delivery} was turned away; {_usual(one)}."
    if one.what == "unmatched":
        share = percent(one.count, one.whole)
        return f"{share} of the orders of {one.delivery} have no known customer; {_usual(one)}."
    never = f"none of the {indian_count(one.before)} deliveries before it had that"
    if one.what == "region":
        return f"{one.delivery} brings the region {one.value}, {counted(one.count, 'record')}; {never}."
    where = f"in {indian_count(one.count)} of {counted(one.whole, 'record')}"
    return f"{one.delivery}: {named(one.column)} has the form “{one.value}” {where}; {never}."


def named(column: str) -> str:
    """Return a field in words."""
    return FIELDS.get(column, column.replace("_", " "))


def _usual(one: Drift) -> str:
    usual = one.usual
    if usual is None:
        return "that is not usual"
    if one.what != "volume":
        return f"up to {share(usual.most)} is usual"
    on = f"on a {one.day:%A} " if usual.weekday and one.day else ""
    return f"{on}{indian_count(ceil(usual.least))} to {indian_count(floor(usual.most))} are usual"


def share(of: float) -> str:
    """Return a share to a tenth of a percent.

    >>> share(0.031)
    '3.1 %'
    """
    return percent(round(of * 100_000), 100_000)
