"""Where a workspace stands: told whatever is wrong with it, and nothing is created or changed for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from akasa.ingest import deliveries, parting, staging
from akasa.ingest.deliveries import Delivery
from akasa.report import turned_away
from akasa.stores import database, lock, migrate
from akasa.validate import quarantine, rules
from akasa.workspace import promotion, secrets
from akasa.workspace.settings import Settings

T = TypeVar("T")
_SHOWN = (
    *("delivery_id", "kind", "name", "records", "accepted", "rejected", "repeats"),
    *("published_at", "backfilled_at", "rules_version"),
)


@dataclass(frozen=True)
class Status:
    """What is published, waiting, refused and rejected; which run's outputs are in place; what is wrong.

    `published` has a ledger row a delivery, `older_rules` counts those that rules of the past have judged,
    `rejected` the quarantine files with their records, `still_open` those records that nothing has mended,
    `outputs`
    what run.json says and the names of the files that are no longer what it lists. Where the database cannot
    be read, nobody knows what is published, what waits and what is open: None.
    """

    published: Sequence[dict[str, Any]] | None
    waiting: Sequence[str] | None
    older_rules: int
    refused: Sequence[str]
    rejected: Sequence[dict[str, Any]]
    still_open: int | None
    outputs: dict[str, Any] | None
    warnings: Sequence[str]
    problems: Sequence[str]


def look(settings: Settings) -> Status:
    """Return where the workspace stands. Raises nothing: what cannot be looked at is among the problems."""
    problems: list[str] = []

    def tried(what: str, get: Callable[[], T], otherwise: T) -> T:
        try:
            return get()
        except Exception as error:
            problems.append(secrets.hide(f"{what}: {_first_line(error)}"))
            return otherwise

    tried("outputs", lambda: lock.settle(settings), None)
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        problems.append(f"DATA_DIR: {settings.data_dir} is a file; name a folder")
    ledger = tried("database", lambda: _ledger(settings, problems), None)
    found = tried("deliveries", lambda: deliveries.find(settings, fetch=False), deliveries.Found((), ()))
    published = {(row["kind"], row["sha256"]) for row in ledger or ()}
    waiting = [one.name for one in found.deliveries if not _keys(settings, one) <= published]
    return Status(
        published=None if ledger is None else [{name: row[name] for name in _SHOWN} for row in ledger],
        waiting=None if ledger is None else waiting,
        older_rules=sum((row["rules_version"] or 0) < rules.RULES_VERSION for row in ledger or ()),
        refused=tried("staging", lambda: _refused(settings), []),
        rejected=tried("rejects", lambda: _rejected(settings), []),
        still_open=tried("rejects", lambda: _still_open(settings), None) if ledger is not None else None,
        outputs=tried("outputs", lambda: _outputs(settings), None),
        warnings=_warnings(settings, found),
        problems=problems,
    )


def words(status: Status) -> str:
    """Return it for the console."""
    if status.published is None or status.waiting is None:
        lines = ["published: not known, the database cannot be read"]
    else:
        lines = [f"published: {len(status.published)} deliveries", *map(_published, status.published)]
        lines.append(f"waiting: {', '.join(status.waiting) or 'nothing'}")
    if status.older_rules:
        lines.append(
            f"judged by older rules: {status.older_rules} of {len(status.published or ())}; "
            f"`python -m akasa backfill` derives all again by those of today (version {rules.RULES_VERSION})"
        )
    lines += [f"refused: {refused}" for refused in status.refused]
    lines += [f"rejected: {one['records']:,} records in {one['file']}" for one in status.rejected]
    if status.still_open:
        lines.append(
            f"rejected and still open: {status.still_open:,}; `python -m akasa rejects --open` lists them, "
            "and --export writes them out for repair"
        )
    if status.outputs:
        lines.append(f"outputs: up to {status.outputs['as_of']}, of run {status.outputs['run']}")
        lines += [f"warning: {name} is not what that run wrote" for name in status.outputs["changed"]]
    lines += [f"warning: {warning}" for warning in status.warnings]
    return "\n".join([*lines, *(f"problem: {problem}" for problem in status.problems)])


def _published(row: dict[str, Any]) -> str:
    counts = f"{row['records']:,} records, {row['rejected']:,} rejected, {row['repeats']:,} repeats"
    backfilled = f"; backfilled {row['backfilled_at'][:19]} UTC"
    when = f"{row['published_at'][:19]} UTC{backfilled if row['backfilled_at'] else ''}"
    return f"  {row['name']}  {counts}  ({when})"


def _ledger(settings: Settings, problems: list[str]) -> list[dict[str, Any]] | None:
    if not database.exists(settings):
        return []
    with database.connection(settings, read_only=True) as opened:
        now, wanted = migrate.current(opened), migrate.scripts().get_current_head()
    if now is not None and now != wanted:
        way_out = "a newer version made it" if migrate.is_newer(now) else "`python -m akasa migrate`"
        problems.append(f"database: it is at {now}, this version expects {wanted}: {way_out}")
        return None
    return _rows(database.ledger(settings)) if now else []


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return [dict(zip(frame.columns, row, strict=True)) for row in rows]


def _warnings(settings: Settings, found: deliveries.Found) -> Sequence[str]:
    """Return what was passed over; a file that says what it repairs needs no day in its name."""
    read = {one.key: parting.known(settings.staging, *one.key) or () for one in found.deliveries}
    return parting.warned(found, read)


def _keys(settings: Settings, delivery: Delivery) -> set[tuple[str, str]]:
    """Return what a file is known by once it is published: a repair of several deliveries is as many."""
    parts = parting.known(settings.staging, *delivery.key)
    return {(delivery.kind, one.sha256) for one in parts} if parts else {delivery.key}


def _refused(settings: Settings) -> Sequence[str]:
    manifest = settings.staging / "manifest.json"
    return staging.read_manifest(settings).refused if manifest.exists() else []


def _rejected(settings: Settings) -> list[dict[str, Any]]:
    folders = (settings.quarantine, settings.unpublished)
    files = [file for folder in folders for file in quarantine.written(folder)]
    return [{"file": settings.label(file), "records": len(quarantine.read(file))} for file in files]


def _still_open(settings: Settings) -> int:
    return turned_away.counts(turned_away.look(settings))[1]


def _outputs(settings: Settings) -> dict[str, Any] | None:
    said = promotion.told(settings.output_dir)
    if said is None:
        return None
    names = ("run", "akasa", "started", "ended", "parameters", "as_of")
    known = {name: said.get(name) for name in names}
    return {**known, "changed": promotion.changed(settings.output_dir)}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
