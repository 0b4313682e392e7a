"""Judge a large delivery part by part, and let go of what was judged: it is read from files when used."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from akasa.ingest.staging import Progress
from akasa.validate import kept, one_part, parts, profiles, rules
from akasa.validate.kept import Kept
from akasa.validate.one_part import Part, Terms
from akasa.validate.plan import Planned
from akasa.validate.profiling import Clean
from akasa.validate.verdicts import Judged
from akasa.workspace import rows
from akasa.workspace.rows import Room
from akasa.workspace.settings import Settings


def judged(settings: Settings, delivery: Planned, staged: Path, tell: Progress) -> Kept:
    """Judge a staged delivery part by part, here or on the cluster, and keep its profile.

    Raises ClusterUnavailable.
    """
    room, terms = Room(settings), Terms.of(settings, delivery)
    if settings.dask_scheduler_address is None:
        found, clean = put_together(terms.kind, room, _here(terms, delivery.name, staged, room, tell))
        profiles.keep_of_parts(settings, terms.kind, delivery.sha256, clean)
        return found
    from akasa.validate import on_cluster  # which imports Dask

    with on_cluster.judged(settings, delivery, staged, room) as (parts_there, looked):
        found, clean = put_together(terms.kind, room, parts_there)
    profiles.keep_looked(settings, terms.kind, delivery.sha256, looked, clean)
    return found


def put_together(kind: str, room: Room, judged_parts: Iterable[Part]) -> tuple[Kept, list[Clean]]:
    """Write what became of all parts, which come in their order, to the files of a room."""
    numbers, warned = Counter[str](), Counter[str]()
    clean, rejected = list[Clean](), list[pa.Table]()
    with closing(kept.Writer(kind, room.folder / "accepted.parquet")) as writer:
        for one in judged_parts:
            writer.add(one.accepted)
            rejected.append(one.rejected)
            clean.append(one.told.clean)
            numbers.update(one.told.numbers)
            warned.update(one.told.warnings)
    kept.write_rejected(rejected, room.folder / "rejected.parquet")
    warnings = {what: warned[what] for what in rules.WARNINGS if warned[what]}
    return Kept(room.folder, **numbers, warnings=warnings, room=room), clean


def let_go(settings: Settings, one: Judged) -> Judged:
    """Return a delivery whose records are in files: those that are in memory are written to some."""
    if isinstance(one.records, Kept):
        return one
    room, kind, records = Room(settings), one.delivery.kind, one.records
    kept.write_accepted(kind, records.accepted, room.folder / "accepted.parquet")
    rejected = kept.of_rejected(kind, records.rejected)
    kept.write_rejected([rejected], room.folder / "rejected.parquet")
    numbers = one_part.numbers(settings.amount_is, kind, records)
    return replace(one, records=Kept(room.folder, **numbers, warnings=records.warnings, room=room))


def _here(terms: Terms, name: str, staged: Path, room: Room, tell: Progress) -> Iterator[Part]:
    """Yield what becomes of each part, judged in this process."""
    files = parts.split(terms.kind, staged, room)
    claims = _shared(terms, files) if terms.kind == "customers" else None
    yield from rows.at_once(partial(_judged, terms, claims=claims), _told(files, name, tell))


def _told(files: Sequence[Path], name: str, tell: Progress) -> Iterator[Path]:
    for number, file in enumerate(files, start=1):
        tell(f"{name}: judging part {number} of {len(files)}")
        yield file


def _judged(terms: Terms, file: Path, claims: pa.Array | None) -> Part:
    part = one_part.judge(terms, parts.read(file), claims)
    file.unlink()
    return part


def _shared(terms: Terms, files: Iterable[Path]) -> pa.Array:
    return one_part.shared([one_part.claimed(terms, parts.read(file)) for file in files])
