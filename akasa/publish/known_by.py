"""What was known by a day, in a workspace of its own: the deliveries that were first seen by then.

Each stands at the latest place under which it had been seen, as it was judged for that place. The other
workspace is only read: its ledger, its judgements, its staging.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from akasa.ingest import deliveries, known_by, repairs, staging
from akasa.ingest.known_by import Known
from akasa.ingest.staging import Manifest, Progress, Staged
from akasa.publish import database_load, fold, holdings, settle
from akasa.publish.backfill import read_what_is_lacking
from akasa.publish.level import level_warehouse
from akasa.publish.road import ledger_row
from akasa.stores import database, lock, migrate
from akasa.validate import audits, judging, verdicts
from akasa.validate import plan as planning
from akasa.validate.audits import Audit
from akasa.validate.plan import Key, Plan, Planned, Sighting
from akasa.validate.verdicts import Judged
from akasa.workspace import files
from akasa.workspace.settings import Settings


class NothingKnown(LookupError):
    """No delivery had been seen by that day."""


@dataclass(frozen=True)
class Remembered:
    """What a workspace is made of: sightings, deliveries as judged, their ledger's rows, audits."""

    known: Known
    seen: tuple[Sighting, ...]
    judged: tuple[Judged, ...]
    rows: tuple[dict[str, Any], ...]
    audits: tuple[Audit, ...]


def remember(settings: Settings, day: date, tell: Progress) -> Remembered:
    """Return what was known by a day; to be called in a run, so that nobody publishes meanwhile.

    Raises NothingKnown, and DeliveryGone where of a delivery neither file nor records are there.
    """
    migrate.upgrade(settings)
    ledger, sightings = database.ledger(settings), planning.seen(database.sightings(settings))
    planning.require_same_settings(ledger, settings)
    by_then = [one for one in sightings if one.seen_on is None or one.seen_on <= day]
    seen = tuple(sorted((one for one in by_then if not one.withdrawn), key=lambda one: one.position))
    places = {one.key: one for one in seen}
    known = ledger[[key in places for key in zip(ledger["kind"], ledger["sha256"], strict=True)]]
    if known.empty:
        first = min((one.seen_on for one in sightings if one.seen_on and not one.withdrawn), default=None)
        raise NothingKnown(
            f"no delivery was known by {day}; the first was seen on {first}"
            if first
            else "nothing is published"
        )
    read_what_is_lacking(settings, known, tell)
    planned = {row.delivery_id: _planned(places[row.kind, row.sha256]) for row in known.itertuples()}
    in_order = sorted(planned.values(), key=lambda one: one.position)
    judged = tuple(judging.as_published(settings, one, tell) for one in in_order)
    noted = known.set_index("delivery_id")
    rows = tuple(_row(settings, one, noted.loc[one.delivery.delivery_id]) for one in judged)
    names = {one.name for one in seen}
    made = [one for one in audits.latest(settings, len(ledger) + len(sightings)) if _is_of(one, names)]
    told = Known(day, tuple(_otherwise(day, by_then, known)))
    return Remembered(told, seen, judged, rows, tuple(reversed(made)))


def make(settings: Settings, there: Settings, found: Remembered) -> None:
    """Publish what was known in another, empty workspace, `there`, and stage its records."""
    with files.private():
        _stage(settings, there, found)
        for audit in found.audits:
            audits.keep(there, audit)
        known_by.write(there, found.known)
    migrate.upgrade(there)
    plan = Plan(tuple(one.delivery for one in found.judged), {}, found.seen, (), ())
    tables = fold.weighed(there, found.judged)
    tables["holdings"] = holdings.changed(there, plan, found.judged)
    with lock.publish(there):
        for one, row in zip(found.judged, found.rows, strict=True):
            verdicts.prepare(there, one, row["published_at"])
        database_load.merge(there, tables, found.rows, plan.rows)
        settle.settle(there)
        level_warehouse(there)


def _planned(place: Sighting) -> Planned:
    what = (place.name, place.kind, place.sha256)
    return Planned(*what, "published", place.position, place.delivered_on)


def _row(settings: Settings, judged: Judged, noted: "pd.Series[Any]") -> dict[str, Any]:
    """Return the ledger's row of a delivery as of then: it was published when it was."""
    return ledger_row(judged, settings, datetime.fromisoformat(noted["published_at"]))


def _is_of(audit: Audit, names: set[str]) -> bool:
    return bool(audit.deliveries) and set(audit.deliveries) <= names


def _stage(settings: Settings, there: Settings, found: Remembered) -> None:
    """Let what was read of each delivery be found there, and list those that lay there last."""
    for one in found.judged:
        delivery = one.delivery
        place = staging.path(there.staging, delivery.kind, delivery.sha256)
        files.share(staging.path(settings.staging, delivery.kind, delivery.sha256), place)
    lying = _lying(found.seen)
    names: dict[Key, list[Sighting]] = {}
    for sighting in lying:
        names.setdefault(sighting.key, []).append(sighting)
    staged = [_staged(there, first, others) for first, *others in names.values()]
    of_no_day = (one.name for one in lying if deliveries.rank(one.name) == 2)
    undated = sorted(name for name in of_no_day if repairs.repaired(name) is None)
    staging.write_manifest(there, Manifest(tuple(staged), (), tuple(map(deliveries.undated, undated))))


def _lying(seen: Sequence[Sighting]) -> list[Sighting]:
    """Return what lay in each place last, in delivery order: bytes that others have replaced lie nowhere."""
    last = {one.place: one for one in sorted(seen, key=lambda one: one.revision)}
    return sorted(last.values(), key=lambda one: one.position)


def _staged(there: Settings, first: Sighting, others: Sequence[Sighting]) -> Staged:
    day = deliveries.date_in_name(first.name) if deliveries.rank(first.name) else None
    return replace(
        staging.staged(there.staging, first.kind, first.sha256),
        name=first.name,
        rank=deliveries.rank(first.name),
        date=day.isoformat() if day else None,
        also_named=tuple(one.name for one in others),
    )


def _otherwise(day: date, by_then: Sequence[Sighting], known: pd.DataFrame) -> list[str]:
    """Say in what this may not be what was published then."""
    withdrawn = sorted({one.name for one in by_then if one.withdrawn})
    moment = known["backfilled_at"].str[:10]
    anew = known["name"][moment > day.isoformat()].tolist()
    found = []
    if withdrawn:
        verb = "was" if len(withdrawn) == 1 else "were"
        found.append(
            f"{', '.join(withdrawn)} {verb} known by then and {verb} taken back; the ledger no longer has "
            "what is taken back, so it does not count here."
        )
    if anew:
        found.append(f"Judged anew since, and counted as judged now: {', '.join(anew)}.")
    return found
