"""Keep each delivery's raw records as one Parquet file, and what lay in the drop folders as a manifest."""

import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from logging import WARNING
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from akasa.ingest import deliveries, known_by, reading
from akasa.ingest.deliveries import Delivery
from akasa.ingest.readers import RefusedDelivery, shown
from akasa.ingest.reading import Progress as Progress
from akasa.workspace import events, files, masking, progress
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings

_MOST_NAMED = 50


class NothingStaged(FileNotFoundError):
    """01_ingest has not run yet."""


@dataclass(frozen=True)
class Staged:
    """A delivery that was read: its records lie in `staging/<kind>-<sha256>.parquet`.

    `also_named` lists the later names of the same bytes; `unknown` counts what was ignored.
    """

    name: str
    kind: str
    sha256: str
    rank: int
    date: str | None
    records: int
    unknown: dict[str, int]
    also_named: tuple[str, ...] = ()

    @property
    def day(self) -> dt.date | None:
        return dt.date.fromisoformat(self.date) if self.date else None


@dataclass(frozen=True)
class Manifest:
    """What one look into the drop folders found, in delivery order."""

    staged: tuple[Staged, ...]
    refused: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def passed_over(self) -> Sequence[str]:
        """What lies there and is no delivery, deliveries without a record, fields that are not ours."""
        empty = [f"{one.name}: 0 records" for one in self.staged if not one.records]
        ignored = [line for one in self.staged for line in _ignored(one)]
        return (*self.warnings, *empty, *ignored)


def stage_all(settings: Settings, tell: Progress = progress.tell) -> Manifest:
    """Read every delivery that is not staged yet; write and return the manifest.

    Large ones are read on the cluster of DASK_SCHEDULER_ADDRESS, if there is one. Raises FileNotFoundError
    where there is nothing to read, and ClusterUnavailable. A refused file is listed, not raised.
    In a workspace of what was known by a day, all is staged.
    """
    if known_by.read(settings):
        return read_manifest(settings)
    from akasa.ingest import ahead, parting  # which stand on this module

    found = deliveries.find(settings)
    again = deliveries.repeats(found.deliveries)
    refused_there = ahead.read(settings, found.deliveries, tell)
    staged: dict[tuple[str, str], list[Staged]] = {}
    refused: list[str] = []
    for delivery in found.deliveries:
        if delivery.key in staged:
            continue
        try:
            if delivery in refused_there:
                raise refused_there[delivery]
            others = [name for name in again.get(delivery.key, ()) if name != delivery.name]
            staged[delivery.key] = [
                replace(one, also_named=tuple(parting.renamed(one.name, delivery.name, o) for o in others))
                for one in parting.parts(delivery, stage(delivery, settings.staging, tell), settings.staging)
            ]
        except RefusedDelivery as refusal:
            refused.append(str(refusal))
            events.tell("delivery refused", WARNING, kind=delivery.kind, delivery=delivery.name)
    deliveries.forget_fetched(settings)
    known = sorted((one for parts in staged.values() for one in parts), key=_place)
    manifest = Manifest(tuple(known), tuple(refused), parting.warned(found, staged))
    write_manifest(settings, manifest)
    return manifest


def _place(staged: Staged) -> str:
    return deliveries.position_of(staged.name, staged.kind, 0)


def stage(delivery: Delivery, folder: Path, tell: Progress = progress.tell) -> Staged:
    """Write the delivery's records to `path`, unless this version's reader has put them there.

    Raises RefusedDelivery, which names the delivery, for a file that cannot be trusted as a whole.
    """
    there = path(folder, delivery.kind, delivery.sha256)
    footer = reading.footer(there)
    if footer is None:
        began = time.monotonic()
        try:
            with files.private(), delivery.opened() as file, files.atomic(there) as temporary:
                reading.write(delivery, file, temporary, tell)
        except RefusedDelivery as refusal:
            raise RefusedDelivery(delivery.name, refusal.line, refusal.cause) from None
        footer = pq.read_metadata(there)
        tell_read(delivery, footer.num_rows, time.monotonic() - began)
    return Staged(
        name=delivery.name,
        kind=delivery.kind,
        sha256=delivery.sha256,
        rank=delivery.rank,
        date=delivery.date.isoformat() if delivery.date else None,
        records=footer.num_rows,
        unknown=reading.unknown(footer),
    )


def staged(folder: Path, kind: str, sha256: str) -> Staged:
    """Return what is staged of a delivery, without a name. Raises FileNotFoundError where nothing is."""
    footer = pq.read_metadata(path(folder, kind, sha256))
    return Staged("", kind, sha256, 0, None, footer.num_rows, reading.unknown(footer))


def tell_read(delivery: Delivery, records: int, seconds: float) -> None:
    """Tell those who watch that a delivery was read and staged."""
    kind, name = delivery.kind, delivery.name
    events.tell("delivery read", kind=kind, delivery=name, records=records, seconds=seconds)


def path(folder: Path, kind: str, sha256: str) -> Path:
    """Return `<folder>/<kind>-<sha256>.parquet`: bytes are read as what they claim to be."""
    return folder / f"{kind}-{sha256}.parquet"


def read(folder: Path, kind: str, sha256: str) -> pa.Table:
    """Return a staged delivery's raw records: `record`, its fields as text, `malformed`, `raw`."""
    return pq.read_table(records_file(folder, kind, sha256))


def records_file(folder: Path, kind: str, sha256: str) -> Path:
    """Return the file in which a delivery's records lie."""
    there = path(folder, kind, sha256)
    # Earlier versions of akasa kept it under the digest alone.
    return there if there.exists() else folder / f"{sha256}.parquet"


def write_records(there: Path, records: pa.Table) -> None:
    """Write a part of a delivery's records beside it, as `stage` does."""
    with files.private(), files.atomic(there) as temporary:
        reading.write_part(records, temporary)


def is_there(folder: Path, kind: str, sha256: str) -> bool:
    """Return whether a delivery's records are staged, whole, and by this version's reader."""
    return reading.footer(path(folder, kind, sha256)) is not None


def write_manifest(settings: Settings, manifest: Manifest) -> None:
    with files.private(), files.atomic(settings.staging / "manifest.json") as temporary:
        temporary.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False), "utf-8")


def read_manifest(settings: Settings) -> Manifest:
    """Return what 01_ingest found. Raises NothingStaged, which says to run it first."""
    path = settings.staging / "manifest.json"
    if not path.exists():
        raise NothingStaged("nothing is staged yet: run 01_ingest first, or `make report`")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    staged = tuple(Staged(**{**one, "also_named": tuple(one["also_named"])}) for one in found["staged"])
    return Manifest(staged, tuple(found["refused"]), tuple(found["warnings"]))


def require_none_refused(manifest: Manifest, on_refused: str) -> None:
    """Raise RefusedDelivery for the refused files, unless `on_refused` is "skip"."""
    if manifest.refused and on_refused != "skip":
        name, _, cause = manifest.refused[0].partition(": ")
        others = "".join(f"\n{refusal}" for refusal in manifest.refused[1:])
        way_out = "mend or remove the file, or set ON_REFUSED=skip to publish the others"
        raise RefusedDelivery(name, None, f"{cause}{others}\nNothing was published: {way_out}.")


def preview(settings: Settings, manifest: Manifest, kind: str) -> pd.DataFrame:
    """Return the first three raw records of the first delivery of a kind, as they came, or masked."""
    first = next((one for one in manifest.staged if one.kind == kind), None)
    if first is None:
        return Listing()
    with pq.ParquetFile(records_file(settings.staging, kind, first.sha256)) as staged:
        rows = pa.Table.from_batches(islice(staged.iter_batches(3), 1), staged.schema_arrow)
    found = rows.to_pandas().fillna("")
    return Listing(masking.raw_table(found) if settings.mask_pii else found)


def repeated(manifest: Manifest) -> pd.DataFrame:
    """Return the names under which bytes came again: name, repeats (the name whose bytes they are)."""
    rows = [(again, one.name) for one in manifest.staged for again in one.also_named]
    return Listing(rows, columns=["name", "repeats"])


def table(manifest: Manifest) -> pd.DataFrame:
    """Return one row a delivery: name, kind, date, records, sha256 (its first twelve digits), repeated_as."""
    rows = [
        (s.name, s.kind, s.date or "", s.records, s.sha256[:12], ", ".join(s.also_named))
        for s in manifest.staged
    ]
    return Listing(rows, columns=["name", "kind", "date", "records", "sha256", "repeated_as"])


def _ignored(staged: Staged) -> list[str]:
    """Return a line for each kind of thing that was ignored, the most frequent where they are many."""
    found = Counter(staged.unknown)
    named = (
        staged.unknown if len(found) <= _MOST_NAMED else [what for what, _ in found.most_common(_MOST_NAMED)]
    )
    lines = [f"{staged.name}: ignored {shown(what)} ({found[what]:,} times)" for what in named]
    rest = len(found) - len(lines)
    return [*lines, f"{staged.name}: ignored {rest:,} other things"] if rest else lines
