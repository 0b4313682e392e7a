"""What is new: each delivery that lies there or was published, its place, and what is to be done with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from akasa.ingest import deliveries
from akasa.ingest.staging import Manifest, Staged
from akasa.workspace.settings import Settings


@dataclass(frozen=True)
class Planned:
    """One delivery and what is to be done with it.

    `status` is "new"; "repeat" (published before); "moved" (published before, and its bytes now also lie
    under an earlier name); or "published" (in the ledger, its file gone). `position` is its place in the
    order of deliveries, `delivered_on` the date in its name, or that of the run that published it.
    """

    name: str
    kind: str
    sha256: str
    status: str
    position: str
    delivered_on: date

    @property
    def delivery_id(self) -> int:
        return int(self.sha256[:15], 16)


@dataclass(frozen=True)
class Plan:
    """All deliveries in their order, and how many records were read of those that lie there (by sha256)."""

    deliveries: tuple[Planned, ...]
    records: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.deliveries)

    @property
    def moved(self) -> bool:
        """Whether a published delivery moved to an earlier place, so that versions may win that had lost."""
        return any(one.status == "moved" for one in self)

    @property
    def due(self) -> list[Planned]:
        """The deliveries to judge: the new ones; all, where one of them moved to an earlier place."""
        return [one for one in self if one.status == "new" or self.moved]

    @property
    def table(self) -> pd.DataFrame:
        """One row a delivery, in delivery order: delivery, kind, status."""
        rows = [(one.name, one.kind, one.status) for one in self]
        return pd.DataFrame(rows, columns=["delivery", "kind", "status"])


def plan(manifest: Manifest, ledger: pd.DataFrame, run_date: date) -> Plan:
    """Compare what lies in the drop folders with the ledger of what was published.

    Bytes that lie under several names stand at the earliest. Other bytes under a published name come after
    it.
    """
    known = {row.sha256: row for row in ledger.itertuples()}
    found = [_planned(staged, known.get(staged.sha256), ledger, run_date) for staged in manifest.staged]
    present = {planned.sha256 for planned in found}
    gone = [of_ledger(row) for sha256, row in known.items() if sha256 not in present]
    in_order = sorted(found + gone, key=lambda planned: planned.position)
    return Plan(tuple(in_order), {staged.sha256: staged.records for staged in manifest.staged})


def of_ledger(row: Any) -> Planned:
    """Return the ledger's row as a published delivery."""
    return Planned(row.name, row.kind, row.sha256, "published", row.position, _as_date(row.delivered_on))


def today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.business_timezone)).date()


def require_same_amounts(ledger: pd.DataFrame, amount_is: str) -> None:
    """Raise ValueError when the database was filled with another AMOUNT_IS than the present one."""
    for before in set(ledger["amount_is"]) - {amount_is}:
        raise ValueError(
            f"AMOUNT_IS is {amount_is!r}, but this database was published with AMOUNT_IS={before}; "
            "set it back, or use another DATA_DIR"
        )


def _planned(staged: Staged, published: Any, ledger: pd.DataFrame, run_date: date) -> Planned:
    others = ledger[_at_the_place_of(staged, ledger) & (ledger["sha256"] != staged.sha256)]
    revision = max((deliveries.revision(place) + 1 for place in others["position"]), default=0)
    name = deliveries.name_in_order(staged.rank, staged.kind, staged.name)
    place = deliveries.position(staged.rank, staged.date, name, revision)
    what = (staged.kind, staged.sha256)
    if published is None:
        return Planned(staged.name, *what, "new", place, staged.day or run_date)
    before = _as_date(published.delivered_on)
    if staged.name != published.name and place < published.position:
        # The day in a name that it no longer goes by says nothing any more.
        undated = run_date if deliveries.date_in_name(published.name) else before
        return Planned(staged.name, *what, "moved", place, staged.day or undated)
    return Planned(published.name, *what, "repeat", published.position, before)


def _at_the_place_of(staged: Staged, ledger: pd.DataFrame) -> "pd.Series[bool]":
    """Say of each row whether it has the same name, or is a base file of the same kind as this one."""
    if staged.rank:
        return ledger["name"] == staged.name
    return ledger["position"].str.startswith("0\t") & (ledger["kind"] == staged.kind)


def _as_date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
