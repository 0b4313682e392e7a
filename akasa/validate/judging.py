"""Judge each delivery: its records parted into accepted, rejected and repeats, all of them accounted for."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from akasa.ingest import staging
from akasa.ingest.staging import Progress
from akasa.validate import large, one_part, profiles, quarantine, rules, verdicts
from akasa.validate.kept import Kept
from akasa.validate.one_part import Terms
from akasa.validate.plan import Key, Plan, Planned
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged
from akasa.workspace import events, masking, progress, rows
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings


def judge(settings: Settings, plan: Plan, tell: Progress = progress.tell) -> list[Judged]:
    """Judge every delivery that is due, in delivery order. Raises AssertionError for a record lost.

    One that is published and stands at another place now is taken as it was judged. Records of more than
    rows.PART_ROWS in all are let go, and read from files when they are used.
    """
    judged, held = list[Judged](), 0
    for one in plan.due:
        found = judge_one(settings, one, tell) if one.status == "new" else as_published(settings, one, tell)
        held += 0 if isinstance(found.records, Kept) else found.records.count
        judged.append(found)
        if held > rows.PART_ROWS:
            judged = [large.let_go(settings, each) for each in judged]
    require_all_accounted(judged, plan.records)
    return judged


def judge_one(settings: Settings, delivery: Planned, tell: Progress = progress.tell) -> Judged:
    """Clean and judge one staged delivery, and keep its profile; one of many records part by part."""
    began = time.monotonic()
    tell(f"{delivery.name}: cleaning")
    staged = staging.records_file(settings.staging, delivery.kind, delivery.sha256)
    if pq.read_metadata(staged).num_rows > rows.PART_ROWS:
        records: Parted | Kept = large.judged(settings, delivery, staged, tell)
    else:
        raw = staging.read(settings.staging, delivery.kind, delivery.sha256)
        clean = profiles.cleaned_and_kept(settings, delivery.kind, delivery.sha256, raw)
        tell(f"{delivery.name}: judging")
        records = one_part.by_rules(Terms.of(settings, delivery), raw, clean)
    judged = Judged(delivery, records, rules.RULES_VERSION)
    events.tell("delivery judged", **judged.told(), seconds=time.monotonic() - began)
    return judged


def as_published(settings: Settings, delivery: Planned, tell: Progress = progress.tell) -> Judged:
    """Return a published delivery as it was judged; where that is no longer to be had, judge it anew."""
    kept = verdicts.recall(settings, delivery)
    if kept is None:
        tell(f"{delivery.name}: judging anew, since how it was judged is not kept")
    return kept or judge_one(settings, delivery, tell)


def require_all_accounted(judged: Sequence[Judged], read: Mapping[Key, int]) -> None:
    """Assert that accepted + rejected + repeats are the records that were `read`, of each delivery."""
    for one in judged:
        counted, expected = one.records.count, read.get(one.delivery.key, one.records.count)
        if counted != expected:  # no `assert`, which python -O leaves out
            raise AssertionError(f"{one.delivery.name}: {counted} of {expected} records")


def counts(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return one row a delivery: delivery, status, records, accepted, rejected, repeats.

    Where a record takes several lines, also lines and rejected_lines.
    """
    rows = [
        (one.delivery.name, one.delivery.status, r.count, r.accepted_count, r.rejected_count, r.repeats)
        for one in judged
        for r in [one.records]
    ]
    table = Listing(rows, columns=["delivery", "status", "records", "accepted", "rejected", "repeats"])
    if not any(one.records.more_lines for one in judged):
        return table
    lines = [(one.records.lines, one.records.rejected_lines) for one in judged]
    return table.assign(**dict(zip(("lines", "rejected_lines"), zip(*lines, strict=True), strict=True)))


def write_quarantine(settings: Settings, judged: Sequence[Judged]) -> None:
    """Write the rejected records of what is not published yet, in place of what an earlier run left.

    They stand in `data/rejects/unpublished/`, so that whoever mends a delivery finds them where the gate
    stops the run. The quarantine of what is published changes with the publish: `quarantine_published`.
    """
    drop_unpublished(settings)
    for one in judged:
        _write(settings.unpublished, one)


def drop_unpublished(settings: Settings) -> None:
    folder = settings.unpublished
    for file in quarantine.written(folder):
        file.unlink()
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def quarantine_published(settings: Settings, one: Judged) -> None:
    """Write a published delivery's quarantine file, if it has rejected records; remove its outdated ones."""
    current = _write(settings.quarantine, one)
    for file in quarantine.files(settings.quarantine, one.delivery.sha256):
        if file != current:
            file.unlink()


def rejected(judged: Sequence[Judged], kind: str) -> pd.DataFrame:
    """Return the rejected records of a kind: delivery, record, reasons, detail, and their raw fields.

    Mobile numbers are masked where MASK_PII asks for it.
    """
    frames = [_labelled(one, one.records.rejected) for one in judged if one.delivery.kind == kind]
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["delivery", "sha256"])
    found = found.drop(columns="sha256").fillna("")
    return Listing(masking.raw_table(found) if masking.is_asked_for() else found)


def by_reason(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return one row a reason code that occurs: reason, records, meaning."""
    return quarantine.by_reason(codes for one in judged for codes in one.records.rejected["reasons"])


def warnings(judged: Sequence[Judged]) -> list[str]:
    """Return what accepted records lack (a name or region that became `Unknown`), and what was dropped."""
    return [
        f"{one.delivery.name}: {_warning(what, count)}"
        for one in judged
        for what, count in one.records.warnings.items()
    ]


def _warning(what: str, count: int) -> str:
    many = "s" * (count > 1)
    if what == "invisible_characters":
        return f"{count:,} record{many} with invisible characters, which were dropped"
    return f"{count:,} customer{many} with {what.replace('_', ' ')}, now Unknown"


def _write(folder: Path, one: Judged) -> Path | None:
    """Write a delivery's rejected records; return the file, or None where there are none."""
    if not one.records.rejected_count:
        return None
    file = quarantine.path(folder, one.delivery.name, one.delivery.sha256)
    quarantine.write(file, (_labelled(one, part) for part in one.records.rejected_parts()))
    return file


def _labelled(one: Judged, rejected: pd.DataFrame) -> pd.DataFrame:
    labels = {"delivery": one.delivery.name, "sha256": one.delivery.sha256}
    return rejected.assign(**labels)[[*labels, *rejected.columns]]
