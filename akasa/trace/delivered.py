"""What was delivered and published: each delivery's file, or what was read of it; what was turned away."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.ingest import deliveries, parting, repairs, staging
from akasa.stores import database
from akasa.trace import plain, records, staged
from akasa.trace.records import Record
from akasa.validate import plan, quarantine
from akasa.validate.plan import Sighting
from akasa.workspace import files, storage
from akasa.workspace.settings import Settings
from akasa.workspace.storage import StorageUnavailable

FILE_BYTES = 100_000_000  # a larger file takes seconds to be known by its bytes
_ROWS = 8_192
_CLEAN: dict[str, Callable[[str | None], str]] = {"mobile_number": plain.mobile}


class Lost(RuntimeError):
    """A published delivery's records or judgement are nowhere any more; the message says the way out."""


@dataclass(frozen=True)
class Delivery:
    """A published delivery, as the ledger has it; `names` are all under which its bytes ever lay."""

    name: str
    kind: str
    sha256: str
    delivery_id: int
    position: str
    rejected: int
    repeats: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """A record that was turned away: its number, reason codes, what a reader says of it, fields, own text."""

    record: int
    reasons: tuple[str, ...]
    detail: str
    fields: records.Fields
    raw: str


@dataclass
class Workspace:
    """What a question looks at, each thing once; files of more than `most_bytes` are not read.

    Without `fetching`, nothing is asked of a bucket.
    """

    settings: Settings
    most_bytes: float = FILE_BYTES
    fetching: bool = True
    _files: dict[str, tuple[Path | None, str]] = field(default_factory=dict)

    @cached_property
    def places(self) -> list[Sighting]:
        """Where deliveries were ever seen, in the order of deliveries; without those that were taken back."""
        found = plan.seen(database.sightings(self.settings))
        return sorted((one for one in found if not one.withdrawn), key=lambda one: one.position)

    @cached_property
    def deliveries(self) -> list[Delivery]:
        """The published deliveries, in their order."""
        names: dict[str, list[str]] = {}
        for place in self.places:
            names.setdefault(place.sha256, []).append(place.name)
        return [
            Delivery(
                row.name,
                row.kind,
                row.sha256,
                row.delivery_id,
                row.position,
                row.rejected,
                row.repeats,
                tuple(dict.fromkeys((row.name, *reversed(names.get(row.sha256, ()))))),
            )
            for row in database.ledger(self.settings).itertuples()
        ]

    def of_kind(self, kind: str) -> list[Delivery]:
        return [one for one in self.deliveries if one.kind == kind]

    @cached_property
    def by_id(self) -> dict[int, Delivery]:
        return {one.delivery_id: one for one in self.deliveries}

    def origin(self, delivery: Delivery) -> str:
        """Say where its records are read from: `file`, or `staging` and why not from its file."""
        file, why = self._file(delivery)
        return "file" if file else f"staging, as {why}"

    def rows(
        self, delivery: Delivery, column: str, wanted: Collection[str], most_bytes: float = inf
    ) -> Iterator[Record]:
        """Yield its records in which a column, cleaned plainly, has one of some values, in their order.

        Those of a file that has more bytes are as they were staged.
        """
        clean = _CLEAN.get(column, plain.identifier)
        there = staging.path(self.settings.staging, delivery.kind, delivery.sha256)
        if not there.exists():
            file = self._required(delivery)
            found = records.of_file(file, delivery.kind, self._own(delivery))
            yield from (one for one in found if clean(one.fields.get(column)) in wanted)
            return
        found = staged.rows(there, column, wanted, clean)
        yield from found if self._is_larger(delivery, most_bytes) else self._as_delivered(delivery, found)

    def numbered(self, delivery: Delivery, numbers: Collection[int]) -> list[Record]:
        """Return its records of some numbers."""
        there = staging.path(self.settings.staging, delivery.kind, delivery.sha256)
        file, _ = self._file(delivery)
        if file or not there.exists():
            return list(records.of_file(file or self._required(delivery), delivery.kind, set(numbers)))
        table = pq.read_table(there, filters=[("record", "in", list(numbers))])
        return [staged.of_row(row) for row in table.to_pylist()]

    def every(self, delivery: Delivery) -> Iterator[Record]:
        """Yield all its records, a part of them in memory at a time."""
        there = staging.path(self.settings.staging, delivery.kind, delivery.sha256)
        file, _ = self._file(delivery)
        if file or not there.exists():
            own = self._own(delivery) if file else None
            yield from records.of_file(file or self._required(delivery), delivery.kind, own)
            return
        opened = pq.ParquetFile(there)
        for part in opened.iter_batches(_ROWS):
            yield from (staged.of_row(row) for row in part.to_pylist())

    def turned_away(self, delivery: Delivery) -> pa.Table:
        """Return what was turned away of it: record, reasons, detail, its fields as they came, raw.

        Raises Lost where it is not kept.
        """
        judged = self.settings.judged / f"{delivery.kind}-{delivery.sha256}" / "rejected.parquet"
        if judged.exists():
            return pq.read_table(judged)
        kept = quarantine.files(self.settings.quarantine, delivery.sha256)
        if kept:
            found = quarantine.read(kept[0])
            return pa.Table.from_pandas(found.assign(record=found["record"].astype("int64")))
        if delivery.rejected:
            raise Lost(
                f"what was turned away of {delivery.name} is kept neither in data/judged nor in "
                "data/rejects: `make backfill` judges it again"
            )
        return pa.table({"record": pa.array([], pa.int64())})

    def accepted(
        self, delivery: Delivery, columns: list[str], ids: Collection[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield columns of its accepted records, a part at a time; nothing where that is not kept.

        With `ids`, those of some only, by the first of the columns.
        """
        judged = self.settings.judged / f"{delivery.kind}-{delivery.sha256}" / "accepted.parquet"
        if not judged.exists():
            return
        opened, key = pq.ParquetFile(judged), columns[0]
        for part in range(opened.num_row_groups):
            if ids is None:
                yield opened.read_row_group(part, columns=columns)
            elif staged.may_hold(staged.statistics(opened, part, key), ids):
                mask = staged.among(opened.read_row_group(part, columns=[key])[key], ids)
                if pc.any(mask).as_py():
                    yield opened.read_row_group(part, columns=columns).filter(mask)

    def _as_delivered(self, delivery: Delivery, found: Iterator[Record]) -> Iterator[Record]:
        """Yield staged records as they stand in the file."""
        numbers = {one.record for one in found}
        yield from records.of_file(self._required(delivery), delivery.kind, numbers) if numbers else ()

    def _is_larger(self, delivery: Delivery, most_bytes: float) -> bool:
        file, _ = self._file(delivery)
        return file is None or file.stat().st_size > most_bytes

    def _required(self, delivery: Delivery) -> Path:
        file, why = self._file(delivery)
        if file is None:
            raise Lost(
                f"{delivery.name}: what was read of it is not in data/staging, and {why}: "
                "put its bytes back, here or in the incoming folder"
            )
        return file

    def _own(self, delivery: Delivery) -> set[int] | None:
        """Return the numbers of a repair's records in a file that mends other deliveries, too; None: all.

        Raises Lost where that is not known any more.
        """
        if not any(map(repairs.repaired, delivery.names)):
            return None
        file = self._required(delivery)
        if files.sha256(file) == delivery.sha256:
            return None
        there = staging.path(self.settings.staging, delivery.kind, delivery.sha256)
        if not there.exists():
            raise Lost(
                f"{delivery.name}: which records of {file.name} are its own is not in data/staging any more: "
                "`make report` reads them again"
            )
        return set(pq.read_table(there, columns=["record"])["record"].to_pylist())

    def _file(self, delivery: Delivery) -> tuple[Path | None, str]:
        """Return the file with a delivery's bytes, or why there is none to be read."""
        if delivery.sha256 not in self._files:
            self._files[delivery.sha256] = self._found(delivery)
        return self._files[delivery.sha256]

    def _found(self, delivery: Delivery) -> tuple[Path | None, str]:
        why = "its file is gone"
        for name in delivery.names:
            path = self._lying(_file_of(name), delivery.kind)
            if isinstance(path, str):
                why = path
            elif path.stat().st_size > self.most_bytes:
                return None, f"its file has more than {self.most_bytes / 1e6:g} MB"
            elif delivery.sha256 in _digests(path, name):
                return path, ""
            else:
                why = "its file has other bytes now"
        return None, why

    def _lying(self, name: str, kind: str) -> Path | str:
        """Return the file that lies under a name now, or why there is none."""
        if deliveries.rank(name) and self.settings.incoming_url:
            return self._fetched(self.settings.incoming_url, name.removeprefix("incoming/"))
        base = self.settings.customers_csv if kind == "customers" else self.settings.orders_xml
        path = self.settings.incoming / name.removeprefix("incoming/") if deliveries.rank(name) else base
        return path if path.is_file() else "its file is gone"

    @cached_property
    def _lying_in_bucket(self) -> dict[str, str]:
        """The marks of the objects that lie below INCOMING_URL, by their names."""
        from akasa.workspace import objects  # what reads buckets takes its time

        found, _ = objects.listed(storage.bucket(self.settings, self.settings.incoming_url or ""))
        return {one.name: one.mark for one in found}

    @cached_property
    def _folder(self) -> Path:
        """A folder for what is fetched, which goes with this."""
        made = mkdtemp(prefix="akasa-")
        finalize(self, rmtree, made, ignore_errors=True)
        return Path(made)

    def _fetched(self, url: str, name: str) -> Path | str:
        if not self.fetching:
            return "its file lies in a bucket"
        from akasa.workspace import objects

        path = self._folder / str(len(self._files))
        try:
            mark = self._lying_in_bucket.get(name)
            if mark is None:
                return "its object is gone"
            if objects.size(mark) > self.most_bytes:
                return f"its object has more than {self.most_bytes / 1e6:g} MB"
            objects.fetch(storage.bucket(self.settings, url), name, path)
        except FileNotFoundError:
            return "its object is gone"
        except StorageUnavailable:
            return "its bucket cannot be reached"
        return path


def rejects(table: pa.Table, chosen: pa.Array | None = None) -> Iterator[Rejected]:
    """Yield the rows of `Workspace.turned_away`, those that are chosen by a mask, or all."""
    for row in (table if chosen is None else table.filter(chosen)).to_pylist():
        own = {name: _text(value) for name, value in row.items()}
        fields = {name: own.get(name) for name in own if name not in staged.NO_FIELD}
        reasons = tuple((own["reasons"] or "").split())
        yield Rejected(row["record"], reasons, own.get("detail") or "", fields, own.get("raw") or "")


def _file_of(name: str) -> str:
    """Return the name of the file that has a delivery: that of a repair, of which it may be a part."""
    repair = repairs.repaired(name)
    return repair.file if repair else name


def _digests(path: Path, name: str) -> tuple[str, str]:
    """Return by what a file is known, and the part of it that has a name."""
    sha256 = files.sha256(path)
    return sha256, parting.digest(sha256, name)


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)
