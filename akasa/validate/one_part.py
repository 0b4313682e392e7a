"""Judge a part of a delivery: a function of its records and of the terms, wherever it runs."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.validate import kept, profiles, profiling, rules, verdicts
from akasa.validate.plan import Planned
from akasa.validate.profiling import Clean
from akasa.validate.rules import Parted
from akasa.workspace import rows
from akasa.workspace.settings import Settings


class Terms(NamedTuple):
    """All that decides what becomes of a delivery's records, besides themselves and the rules."""

    kind: str
    delivered_on: date
    amount_is: str
    source_timezone: str
    business_timezone: str

    @classmethod
    def of(cls, settings: Settings, delivery: Planned) -> Self:
        zones = settings.source_timezone, settings.business_timezone
        return cls(delivery.kind, delivery.delivered_on, settings.amount_is, *zones)


class Told(NamedTuple):
    """What is counted of a part, and what its clean records say."""

    numbers: dict[str, int]
    warnings: dict[str, int]
    clean: Clean


class Part(NamedTuple):
    """What became of a part's records: accepted ones in the order of keys, rejected ones as they came."""

    accepted: pa.Table
    rejected: pa.Table
    told: Told


def by_rules(terms: Terms, raw: pa.Table, clean: pd.DataFrame, shared: pa.Array | None = None) -> Parted:
    """Part a delivery's records, or a part of them, by the rules; `shared` is as in `judge_customers`."""
    if terms.kind == "customers":
        return rules.judge_customers(raw, clean, shared)
    return rules.judge_orders(raw, clean, terms.delivered_on, terms.amount_is)


def judge(terms: Terms, raw: pa.Table, shared: pa.Array | None = None) -> Part:
    """Clean and judge a part of a delivery's records: all lines of an order stand in it."""
    clean = profiles.cleaned(terms, terms.kind, raw)
    found = by_rules(terms, raw, clean, shared)
    accepted = kept.in_order(terms.kind, found.accepted)
    rejected = kept.of_rejected(terms.kind, found.rejected)
    counted = numbers(terms.amount_is, terms.kind, found)
    told = Told(counted, found.warnings, profiling.clean_of(terms.kind, clean))
    del clean, found
    rows.give_back()
    return Part(accepted, rejected, told)


def claimed(terms: Terms, raw: pa.Table) -> pa.Array:
    """Return the numbers that a part of a delivery's customers claim, each once."""
    return rules.claimed(raw, profiles.cleaned(terms, terms.kind, raw))


def shared(claimed: Sequence[pa.Array]) -> pa.Array:
    """Return the numbers that customers of several parts claim. (No customer stands in two of them.)"""
    counts = pc.value_counts(pa.chunked_array(claimed, pa.string()))
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def numbers(amount_is: str, kind: str, records: Parted) -> dict[str, int]:
    """Return what is counted of a delivery, or of a part of it."""
    names = ("accepted_count", "rejected_count", "repeats", "more_lines", "more_rejected")
    paise = verdicts.revenue(records.accepted, amount_is) if kind == "orders" else 0
    return {name: getattr(records, name) for name in names} | {"revenue_paise": paise}
