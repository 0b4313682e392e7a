"""Judge each delivery: its records parted into accepted, rejected and repeats, all of them accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from akasa.ingest import staging
from akasa.ingest.staging import Manifest
from akasa.validate import cleaning, quarantine, rules
from akasa.validate.plan import Planned
from akasa.validate.rules import Judged
from akasa.workspace.settings import Settings


@dataclass(frozen=True)
class Assessed:
    """A planned delivery with its records parted into accepted, rejected and repeats."""

    planned: Planned
    judged: Judged


def assess(settings: Settings, planned: Planned, progress: staging.Progress = lambda text: None) -> Assessed:
    """Clean and judge one staged delivery."""
    progress(f"{planned.name}: cleaning")
    raw = staging.read(settings.staging, planned.sha256)
    if planned.kind == "customers":
        return Assessed(planned, rules.judge_customers(raw, cleaning.clean_customers(raw)))
    clean = cleaning.clean_orders(raw, settings.source_timezone, settings.business_timezone)
    progress(f"{planned.name}: judging")
    return Assessed(planned, rules.judge_orders(raw, clean, planned.delivered_on, settings.amount_is))


def counts(assessed: Sequence[Assessed]) -> pd.DataFrame:
    """Return one row a delivery: delivery, records, accepted, rejected, repeats."""
    rows = [
        (a.planned.name, a.judged.records, len(a.judged.accepted), len(a.judged.rejected), a.judged.repeats)
        for a in assessed
    ]
    return pd.DataFrame(rows, columns=["delivery", "records", "accepted", "rejected", "repeats"])


def require_all_accounted(assessed: Sequence[Assessed], manifest: Manifest) -> None:
    """Assert that accepted + rejected + repeats are the records that were read, for each delivery."""
    read = {staged.sha256: staged.records for staged in manifest.staged}
    for one in assessed:
        expected = read.get(one.planned.sha256, one.judged.records)
        assert one.judged.records == expected, (
            f"{one.planned.name}: {one.judged.records} of {expected} records"
        )


def write_rejects(settings: Settings, assessed: Sequence[Assessed]) -> None:
    """Write the quarantine file of each delivery that has rejected records; remove its outdated ones."""
    for one in assessed:
        current = quarantine.path(settings.rejects, one.planned.name, one.planned.sha256)
        any_name = quarantine.path(settings.rejects, "*", one.planned.sha256).name
        if len(one.judged.rejected):
            quarantine.write(current, _labelled(one))
        for file in settings.rejects.glob(any_name):
            if file != current or one.judged.rejected.empty:
                file.unlink()


def rejected(assessed: Sequence[Assessed], kind: str) -> pd.DataFrame:
    """Return the rejected records of a kind: delivery, record, reasons, detail, and their raw fields."""
    frames = [_labelled(one) for one in assessed if one.planned.kind == kind]
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["delivery", "sha256"])
    return found.drop(columns="sha256").fillna("")


def warnings(assessed: Sequence[Assessed]) -> list[str]:
    """Return what accepted records lack: a name or region that became `Unknown`."""
    return [
        f"{one.planned.name}: {count:,} customer{'s' * (count > 1)} "
        f"with {what.replace('_', ' ')}, now Unknown"
        for one in assessed
        for what, count in one.judged.warnings.items()
    ]


def _labelled(one: Assessed) -> pd.DataFrame:
    labels = {"delivery": one.planned.name, "sha256": one.planned.sha256}
    return one.judged.rejected.assign(**labels)[[*labels, *one.judged.rejected.columns]]
