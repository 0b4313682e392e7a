"""What the last deliveries look like beside those before them, gathered once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest import deliveries
from akasa.report import of_orders, shown
from akasa.stores import warehouse
from akasa.validate import drift, profiles
from akasa.validate.drift import Delivered, Drift, Usual
from akasa.validate.profiles import COMPARED
from akasa.validate.profiling import FIELDS, Profile
from akasa.workspace.settings import Settings

KINDS = tuple(FIELDS)


@dataclass(frozen=True)
class Looked:
    """A delivery beside `before`, those of its kind that it was compared with; what is unlike them."""

    delivered: Delivered
    before: tuple[Delivered, ...]
    drifts: tuple[Drift, ...]
    is_new: bool

    @property
    def usual(self) -> Usual | None:
        return drift.usual_volume(self.delivered, self.before)

    @property
    def profiled(self) -> tuple[Profile, ...]:
        return tuple(one.profile for one in self.before if one.profile)

    def filled_before(self, column: str) -> float | None:
        """Return which share of records had that field, in the middle one of the deliveries before."""
        return _middle(one.columns[column].filled / one.records for one in self.profiled if one.records)

    def form_before(self, column: str, form: str) -> float | None:
        """Return which share of a field's texts had that form, in the middle one of the deliveries before."""
        columns = [one.columns[column] for one in self.profiled]
        return _middle(one.forms.get(form, 0) / one.filled for one in columns if one.filled)


@dataclass(frozen=True)
class Quality:
    """The last COMPARED deliveries of each kind, the latest first, as people may see them."""

    looked: Mapping[str, tuple[Looked, ...]]

    @property
    def last(self) -> list[Looked]:
        """The last delivery of each kind."""
        return [found[0] for found in self.looked.values() if found]

    @property
    def compared(self) -> bool:
        """Say whether enough deliveries stand before those for anything to be told."""
        return any(len(one.before) >= drift.FEWEST_TO_BE_NEW for one in self.last)

    @property
    def new(self) -> list[Drift]:
        """What is unlike before in what was published last, and in the last delivery of each kind."""
        placed = [both for found in self.looked.values() for both in enumerate(found)]
        return [each for place, one in placed if one.is_new or place == 0 for each in one.drifts]

    @property
    def missing(self) -> list[str]:
        """The deliveries whose profile is missing."""
        return [
            one.delivered.name
            for found in self.looked.values()
            for one in found
            if one.delivered.profile is None
        ]


def gather(settings: Settings, ledger: pd.DataFrame) -> Quality:
    """Return what there is to tell of the ledger's deliveries; one that was withdrawn is in no comparison."""
    return Quality({kind: _of_kind(settings, ledger, kind) for kind in KINDS})


def _of_kind(settings: Settings, ledger: pd.DataFrame, kind: str) -> tuple[Looked, ...]:
    rows = ledger[ledger["kind"] == kind].tail(2 * COMPARED)
    orders = _orders(settings, rows["delivery_id"].tolist()) if kind == "orders" else {}
    found = [_delivered(settings, row, orders.get(row.delivery_id, (0, 0))) for row in rows.itertuples()]
    newest = ledger["published_at"].max()
    is_new = (rows["published_at"] == newest).tolist()
    compared = [
        Looked(_as_shown(one), tuple(found[max(0, place - COMPARED) : place]), tuple(map(_shown, told)), new)
        for place, (one, told, new) in enumerate(zip(found, drift.of_each(found), is_new, strict=True))
    ]
    return tuple(compared[-COMPARED:][::-1])


def _delivered(settings: Settings, row: Any, orders: tuple[int, int]) -> Delivered:
    profile = profiles.recall(settings, row.kind, row.sha256)
    counts = int(row.records), int(row.rejected), *orders
    return Delivered(row.kind, row.name, row.sha256, deliveries.named_day(row.name), *counts, profile)


def _orders(settings: Settings, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return delivery_id → its orders in the tables, and how many of these are of numbers nobody holds."""
    mine = pc.field("delivery_id").isin(pa.array(ids, pa.int64()))
    every = warehouse.rows_by_delivery(settings, "orders", mine)
    some = warehouse.rows_by_delivery(settings, "orders", mine & of_orders.loose(settings))
    return {one: (every[one], some[one]) for one in every}


def _as_shown(one: Delivered) -> Delivered:
    profile = one.profile and shown.profile(one.profile)
    return replace(one, name=shown.text(one.name), profile=profile)


def _shown(one: Drift) -> Drift:
    return replace(one, delivery=shown.text(one.delivery), value=shown.text(one.value))


def _middle(shares: Any) -> float | None:
    found = list(shares)
    return median(found) if found else None
