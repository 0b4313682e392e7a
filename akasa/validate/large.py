"""Judge a large delivery part by part, and let go of what was judged: it is read from files when used."""

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest.staging import Progress
from akasa.validate import kept, parts, profiles, profiling, rules, verdicts
from akasa.validate.kept import Kept
from akasa.validate.plan import Planned
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged
from akasa.workspace import rows
from akasa.workspace.rows import Room
from akasa.workspace.settings import Settings


def by_rules(
    settings: Settings, delivery: Planned, raw: pa.Table, clean: pd.DataFrame, shared: pa.Array | None = None
) -> Parted:
    """Part a delivery's records, or a part of them, by the rules; `shared` is as in `judge_customers`."""
    if delivery.kind == "customers":
        return rules.judge_customers(raw, clean, shared)
    return rules.judge_orders(raw, clean, delivery.delivered_on, settings.amount_is)


def judged(settings: Settings, delivery: Planned, staged: Path, tell: Progress) -> Kept:
    """Judge a staged delivery part by part, and keep its profile."""
    room, kind, numbers = Room(settings), delivery.kind, Counter[str]()
    files = parts.split(kind, staged, room)
    shared = _shared(settings, files) if kind == "customers" else None
    cleaned, rejected, warned = [], [], Counter[str]()
    with closing(kept.Writer(kind, room.folder / "accepted.parquet")) as writer:
        for number, file in enumerate(files, start=1):
            tell(f"{delivery.name}: judging part {number} of {len(files)}")
            raw = parts.read(file)
            file.unlink()
            clean = profiles.cleaned(settings, kind, raw)
            cleaned.append(profiling.clean_of(kind, clean))
            one = by_rules(settings, delivery, raw, clean, shared)
            writer.add(one.accepted)
            rejected.append(one.rejected)
            warned.update(one.warnings)
            numbers.update(_numbers(settings, kind, one))
            rows.give_back()
    kept.write_rejected(kind, rejected, room.folder / "rejected.parquet")
    profiles.keep_of_parts(settings, kind, delivery.sha256, cleaned)
    warnings = {what: warned[what] for what in rules.WARNINGS if warned[what]}
    return Kept(room.folder, **numbers, warnings=warnings, room=room)


def let_go(settings: Settings, one: Judged) -> Judged:
    """Return a delivery whose records are in files: those that are in memory are written to some."""
    if isinstance(one.records, Kept):
        return one
    room, kind, records = Room(settings), one.delivery.kind, one.records
    kept.write_accepted(kind, records.accepted, room.folder / "accepted.parquet")
    kept.write_rejected(kind, [records.rejected], room.folder / "rejected.parquet")
    numbers = _numbers(settings, kind, records)
    return replace(one, records=Kept(room.folder, **numbers, warnings=records.warnings, room=room))


def _numbers(settings: Settings, kind: str, records: Parted) -> dict[str, int]:
    """Return what is counted of a delivery, or of a part of it."""
    names = ("accepted_count", "rejected_count", "repeats", "more_lines", "more_rejected")
    paise = verdicts.revenue(records.accepted, settings.amount_is) if kind == "orders" else 0
    return {name: getattr(records, name) for name in names} | {"revenue_paise": paise}


def _shared(settings: Settings, files: Iterable[Path]) -> pa.Array:
    """Return the numbers that customers of several parts claim. (No customer stands in two of them.)"""
    claimed = []
    for file in files:
        raw = parts.read(file)
        claimed.append(rules.claimed(raw, profiles.cleaned(settings, "customers", raw)))
    counts = pc.value_counts(pa.chunked_array(claimed, pa.string()))
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))
