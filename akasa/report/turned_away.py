"""What was turned away, record by record, and whether it is still open: nothing of that is stored.

A rejected record is open until a version of its order or customer stands that was delivered later, or until
a repair that names the record is accepted: so one without a usable id can be closed, too.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.ingest import deliveries, parting, repairs
from akasa.ingest.repairs import Mark
from akasa.stores import database, migrate
from akasa.stores.models import CUSTOMERS, ORDERS
from akasa.validate import cleaning, quarantine
from akasa.validate import plan as planning
from akasa.validate.plan import Sighting
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS

_COLUMNS = {"customers": CUSTOMERS.c.customer_id, "orders": ORDERS.c.order_id}
Record = tuple[str, int]  # the sha256 of its delivery, its number there


class Behind(LookupError):
    """The database is of an earlier version."""


@dataclass(frozen=True)
class Source:
    """A delivery with rejected records: its place, its quarantine file; `published` where the ledger has it.

    `revision` is that of its bytes under its name.
    """

    kind: str
    name: str
    sha256: str
    position: str
    revision: int
    file: Path
    published: bool


@dataclass(frozen=True)
class Answer:
    """What became of the repairs that name a record: the last one's position, whether any was accepted."""

    position: str
    accepted: bool


@dataclass(frozen=True)
class TurnedAway:
    """All that was turned away; `ledger` and `seen` are what the database says of deliveries."""

    settings: Settings
    ledger: pd.DataFrame
    seen: tuple[Sighting, ...]

    @cached_property
    def sources(self) -> list[Source]:
        folder = self.settings.quarantine
        rows = [(row, quarantine.files(folder, row.sha256)) for row in self.ledger.itertuples()]
        published = [self._published(row, files[-1]) for row, files in rows if files]
        known = {one.sha256 for one in published}
        waiting = (_waiting(file, self.seen) for file in quarantine.written(self.settings.unpublished))
        both = [*published, *(one for one in waiting if one.sha256 not in known)]
        return sorted(both, key=lambda one: one.position)

    @cached_property
    def names(self) -> list[str]:
        """The names of all deliveries, rejected records or not."""
        seen = [one.name for one in self.seen]
        named = [*self.ledger["name"].tolist(), *seen, *(one.name for one in self.sources)]
        files = [found.file for name in named if (found := repairs.repaired(name))]
        return list(dict.fromkeys([*named, *files]))

    @cached_property
    def answers(self) -> dict[Record, Answer]:
        """What published repairs said of the records that they name."""
        found: dict[Record, Answer] = {}
        places = {row.sha256: row.position for row in self.ledger.itertuples()}
        parts = [(kind, part) for kind, part in parting.every(self.settings.staging) if part.sha256 in places]
        for kind, part in sorted(parts, key=lambda one: places[one[1].sha256]):
            again = self._rejected_numbers(part.sha256)
            for number, mark in part.marks.items():
                for record in self.named(kind, mark):
                    accepted = number not in again or (record in found and found[record].accepted)
                    found[record] = Answer(places[part.sha256], accepted)
        return found

    @cached_property
    def _marks(self) -> dict[str, dict[int, Mark]]:
        return {part.sha256: part.marks for _, part in parting.every(self.settings.staging)}

    @cached_property
    def _by_place(self) -> dict[tuple[str, str, int], str]:
        return {(one.kind, one.place, one.revision): one.sha256 for one in self.seen}

    @cached_property
    def _by_mark(self) -> dict[tuple[str, Mark], list[Record]]:
        """The records of repairs that carry a mark, by it."""
        found: dict[tuple[str, Mark], list[Record]] = {}
        for kind, part in parting.every(self.settings.staging):
            for number, mark in part.marks.items():
                found.setdefault((kind, mark), []).append((part.sha256, number))
        return found

    def named(self, kind: str, mark: Mark) -> list[Record]:
        """Return the records that a mark names: the rejected one, and those of repairs that carry it on."""
        place = mark.name if deliveries.rank(mark.name) or repairs.repaired(mark.name) else kind
        sha256 = self._by_place.get((kind, place, mark.revision))
        own = [] if sha256 is None else [(sha256, mark.record)]
        return [*own, *self._by_mark.get((kind, mark), ())]

    def mark(self, source: Source, number: int) -> Mark:
        """Return the mark by which a repair names a record; a repair's own record keeps the mark it has."""
        marks = self._marks.get(source.sha256, {})
        repaired = repairs.repaired(source.name)
        if repaired is None:
            return Mark(source.name, source.revision, number)
        return marks.get(number) or Mark(repaired.name, repaired.revision, next(iter(marks.values())).record)

    def records(self, source: Source, only: Collection[str] | None = None) -> pd.DataFrame:
        """Return a delivery's rejected records as text, besides: number, id (as it is stored), open (bool).

        `id` is empty where it cannot be used. Fields are as they came, absent ones empty. `only` names those
        that are wanted, besides record and id.
        """
        wanted = None if only is None else {"record", KEYS[source.kind][0], *only}
        found = quarantine.read(source.file, wanted)
        number = found["record"].astype("int64")
        key = cleaning.ids(pa.array(found[KEYS[source.kind][0]], pa.string())).to_pylist()
        ids = pd.Series(key, index=found.index, dtype="object").fillna("").astype(str)
        later = self._later(source, ids)
        closed = [
            one in later or self._accepted((source.sha256, each))
            for one, each in zip(ids, number.tolist(), strict=True)
        ]
        return found.assign(number=number, id=ids, open=[not one for one in closed])

    def _accepted(self, record: Record) -> bool:
        answer = self.answers.get(record)
        return answer is not None and answer.accepted

    def _later(self, source: Source, ids: "pd.Series[str]") -> set[str]:
        """Return those ids of which a version stands that was delivered behind a delivery."""
        wanted = ids[ids != ""].unique().tolist()
        if not wanted or self.ledger.empty:
            return set()
        rows = database.rows_of(self.settings, _COLUMNS[source.kind], wanted).to_pandas()
        behind = rows["delivery_id"].map(self._places) > source.position
        return set(rows[KEYS[source.kind][0]][behind])

    @cached_property
    def _places(self) -> Mapping[int, str]:
        return dict(zip(self.ledger["delivery_id"], self.ledger["position"], strict=True))

    def _rejected_numbers(self, sha256: str) -> set[int]:
        files = quarantine.files(self.settings.quarantine, sha256)
        return {int(one) for file in files for one in quarantine.read(file, ["record"])["record"]}

    def _published(self, row: Any, file: Path) -> Source:
        seen = [one for one in self.seen if one.sha256 == row.sha256 and one.name == row.name]
        revision = max((one.revision for one in seen), default=0)
        return Source(row.kind, row.name, row.sha256, row.position, revision, file, True)


def look(settings: Settings) -> TurnedAway:
    """Return what was turned away, as ledger and quarantine have it now; creates and changes nothing.

    Raises Behind where the database has to be migrated first.
    """
    if not database.exists(settings):
        return TurnedAway(settings, _no_ledger(), ())
    if migrate.behind(settings):
        with database.connection(settings) as opened:
            if migrate.current(opened) is None:
                return TurnedAway(settings, _no_ledger(), ())
        raise Behind("the database is of an earlier version: run `python -m akasa migrate` first")
    seen = tuple(planning.seen(database.sightings(settings)))
    return TurnedAway(settings, database.ledger(settings), seen)


def counts(found: TurnedAway) -> tuple[int, int]:
    """Return how many rejected records there are, and how many of them are open."""
    each = [found.records(one, only=())["open"] for one in found.sources]
    return sum(map(len, each)), sum(int(one.sum()) for one in each)


def each(found: TurnedAway) -> Iterator[tuple[Source, pd.DataFrame]]:
    """Yield each delivery with its rejected records, in delivery order."""
    yield from ((one, found.records(one)) for one in found.sources)


def _waiting(file: Path, seen: tuple[Sighting, ...]) -> Source:
    """Return the delivery of an unpublished quarantine file, at the place that it is to have."""
    records = quarantine.read(file, first=1)
    name, sha256 = records["delivery"].iloc[0], records["sha256"].iloc[0]
    kind = "customers" if "customer_id" in records else "orders"
    place = name if deliveries.rank(name) or repairs.repaired(name) else kind
    there = [one for one in seen if (one.kind, one.place) == (kind, place)]
    same = [one.revision for one in there if one.sha256 == sha256]
    revision = same[-1] if same else max((one.revision + 1 for one in there), default=0)
    return Source(kind, name, sha256, deliveries.position_of(name, kind, revision), revision, file, False)


def _no_ledger() -> pd.DataFrame:
    return pd.DataFrame(
        {"sha256": [], "name": [], "delivery_id": [], "position": [], "kind": []}, dtype="str"
    )
