"""What is new: each delivery that lies there or was published, its place, and what is to be done with it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from akasa.ingest import deliveries, repairs
from akasa.ingest.staging import Manifest, Staged
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY

Key = tuple[str, str]  # what a delivery is known by: its kind and the sha256 of its bytes
# What decides about the values that are stored, by its name in the ledger; a setting of the same name.
JUDGED_UNDER = ("amount_is", "source_timezone", "business_timezone")


@dataclass(frozen=True)
class Sighting:
    """A name under which bytes lay when a run looked; of one place with other bytes, `revision` goes up.

    `day` is the one in the name, or the day on which the bytes were first seen there, which `seen_on` is in
    any case. A delivery that was `withdrawn` has no place, though its bytes may still lie there.
    """

    name: str
    revision: int
    kind: str
    sha256: str
    day: date
    withdrawn: bool = False
    seen_on: date | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.sha256

    @property
    def place(self) -> str:
        """Which of the places it is: a base file has the one of its kind, whatever it is called."""
        return self.name if deliveries.rank(self.name) or repairs.repaired(self.name) else self.kind

    @property
    def position(self) -> str:
        return deliveries.position_of(self.name, self.kind, self.revision)

    @property
    def delivered_on(self) -> date:
        """The day in the name, as it is understood now; else the one that was noted."""
        return deliveries.date_in_name(self.name) or self.day

    @property
    def claims_from(self) -> date:
        """The day from which customers claim their numbers: a delivery brings the day before's records.

        In a base file they claim them from ever.
        """
        return self.delivered_on - timedelta(days=1) if deliveries.rank(self.name) else FIRST_DAY


@dataclass(frozen=True)
class Planned:
    """One delivery and what is to be done with it.

    It stands at the latest place under which it was ever seen: `name`, and its `position` in the order of
    deliveries. `status` is "new"; "again" (published before, and now behind a delivery that stood behind it,
    or at a place of another day); "repeat" (published before); or "published" (in the ledger, its file gone).
    `delivered_on` is the day of its place, `was` the name that the ledger has for its bytes.
    """

    name: str
    kind: str
    sha256: str
    status: str
    position: str
    delivered_on: date
    was: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.sha256

    @property
    def delivery_id(self) -> int:
        return int(self.sha256[:15], 16)


@dataclass(frozen=True)
class Plan:
    """All deliveries in their order, how many records were read of each (by its key), and the new sightings.

    `seen` are the sightings so far, without withdrawn ones; `placed` the published deliveries that have
    another name or position now, or customers who claim in a new place, and need not be judged again.
    """

    deliveries: tuple[Planned, ...]
    records: dict[Key, int]
    sightings: tuple[Sighting, ...]
    placed: tuple[Planned, ...]
    seen: tuple[Sighting, ...]

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.deliveries)

    @property
    def due(self) -> list[Planned]:
        """The deliveries to judge: those that are new, or now stand at a later place."""
        return [one for one in self if one.status in ("new", "again")]

    @property
    def table(self) -> pd.DataFrame:
        """One row a delivery, in delivery order: delivery, kind, status."""
        rows = [(one.name, one.kind, one.status) for one in self]
        return Listing(rows, columns=["delivery", "kind", "status"])

    @property
    def places(self) -> dict[str, tuple[str, str]]:
        """The name and position that published deliveries have now, by their sha256."""
        return {one.sha256: (one.name, one.position) for one in self.placed}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The new sightings as rows of their table."""
        return [{**asdict(one), "withdrawn": 0} for one in self.sightings]


def plan(manifest: Manifest, ledger: pd.DataFrame, sightings: pd.DataFrame, run_date: date) -> Plan:
    """Compare what lies in the drop folders with what was published, and with the names ever seen.

    `run_date` is the day of a name that tells none.
    """
    before = seen(sightings)
    new = tuple(_new(manifest, before, run_date))
    places: dict[Key, Sighting] = {}
    for one in sorted((*before, *new), key=lambda sighting: sighting.position):
        if not one.withdrawn:
            places[one.key] = one
    known = {(row.kind, row.sha256): row for row in ledger.itertuples()}
    records = {(staged.kind, staged.sha256): staged.records for staged in manifest.staged}
    in_order = sorted(places.values(), key=lambda place: place.position)
    overtaking = _overtaking([one.key for one in in_order], known)
    planned = [
        _planned(place, known.get(place.key), place.key in records, place.key in overtaking)
        for place in in_order
        if place.key in records or place.key in known
    ]
    so_far = tuple(one for one in before if not one.withdrawn)
    return Plan(tuple(planned), records, new, tuple(_placed(planned, known, new)), so_far)


def seen(sightings: pd.DataFrame) -> list[Sighting]:
    """Return the rows of the table of sightings."""
    return [
        Sighting(
            *(row.name, row.revision, row.kind, row.sha256, _as_date(row.day), row.withdrawn),
            None if pd.isna(row.seen_on) else _as_date(row.seen_on),
        )
        for row in sightings.itertuples(index=False)
    ]


def of_ledger(row: Any) -> Planned:
    """Return the ledger's row as a published delivery."""
    return Planned(row.name, row.kind, row.sha256, "published", row.position, _as_date(row.delivered_on))


def today(settings: Settings) -> date:
    """Return TODAY, where it is set, else the business's day."""
    return settings.today or datetime.now(ZoneInfo(settings.business_timezone)).date()


def require_same_settings(ledger: pd.DataFrame, settings: Settings) -> None:
    """Raise ValueError where deliveries were judged under other settings than the present ones.

    What was judged before settings were noted passes.
    """
    for name in JUDGED_UNDER:
        now = getattr(settings, name)
        for before in sorted(set(ledger[name].dropna()) - {now}):
            raise ValueError(
                f"{name.upper()} is {now!r}, but this database was published with {name.upper()}={before}; "
                "set it back, or use another DATA_DIR"
            )


def _new(manifest: Manifest, before: Iterable[Sighting], run_date: date) -> Iterator[Sighting]:
    """Yield a sighting for each name whose bytes differ from those that lay there at the last look."""
    last: dict[str, Sighting] = {}
    days: dict[tuple[str, int], date] = {}
    for one in before:
        last[one.place] = max(one, last.get(one.place, one), key=lambda sighting: sighting.revision)
        days[one.place, one.revision] = one.day
    for staged in manifest.staged:
        for name in (staged.name, *staged.also_named):
            day = days.get(_repaired(name, staged.kind), run_date)
            seen = _seen(name, staged, day, run_date)
            then = last.get(seen.place)
            if then is None:
                yield seen
            elif then.key != seen.key:
                yield replace(seen, revision=then.revision + 1)


def _repaired(name: str, kind: str) -> tuple[str, int]:
    """Return the place, and the revision there, of what a delivery repairs; a repair has its day."""
    found = repairs.repaired(name)
    if found is None:
        return "", 0
    return found.name if deliveries.rank(found.name) else kind, found.revision


def _seen(name: str, staged: Staged, day: date, run_date: date) -> Sighting:
    day = deliveries.date_in_name(name) or day
    return Sighting(name, 0, staged.kind, staged.sha256, day, seen_on=run_date)


def _overtaking(in_order: Iterable[Key], known: Mapping[Key, Any]) -> set[Key]:
    """Return those published deliveries that stand behind one now that stood behind them."""
    found, furthest = set(), ""
    for key in in_order:
        if key in known:
            stood = known[key].position
            found |= {key} if stood < furthest else set()
            furthest = max(furthest, stood)
    return found


def _planned(place: Sighting, published: Any, present: bool, overtaking: bool) -> Planned:
    if published is None:
        status = "new"
    elif overtaking or _as_date(published.delivered_on) != place.delivered_on:
        status = "again"
    else:
        status = "repeat" if present else "published"
    was = "" if published is None else published.name
    what = (place.name, place.kind, place.sha256)
    return Planned(*what, status, place.position, place.delivered_on, was)


def _placed(
    planned: Iterable[Planned], known: Mapping[Key, Any], new: Iterable[Sighting]
) -> Iterator[Planned]:
    claiming = {one.key for one in new if one.kind == "customers"}
    for one in planned:
        if one.status in ("repeat", "published"):
            before = known[one.key]
            if one.key in claiming or (before.name, before.position) != (one.name, one.position):
                yield one


def _as_date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
