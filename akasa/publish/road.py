"""The one road to publish: plan, judge, show what is rejected, gate, latest versions, audit, commit.

Notebook 02 shows its stages one by one; `publish` goes it in one call. Nothing unaudited reaches the tables
that KPIs read.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from akasa.ingest import staging
from akasa.ingest.staging import Progress
from akasa.publish import database_load, fold, holdings, replacing
from akasa.publish.brought import accounts
from akasa.publish.level import Published, level_warehouse
from akasa.publish.settle import settle, settle_what_was_cut_short
from akasa.publish.standing import going_back, without
from akasa.stores import database, lock, migrate, warehouse
from akasa.validate import data_docs, gate, judging, verdicts
from akasa.validate import plan as planning
from akasa.validate.plan import Plan, Planned
from akasa.validate.suites import DELIVERIES
from akasa.validate.verdicts import Judged
from akasa.workspace import events, progress
from akasa.workspace.rows import Table, give_back, parts
from akasa.workspace.settings import Settings
from akasa.workspace.tables import TABLES


class Overtaken(RuntimeError):
    """Somebody else has published since this was planned, so the plan no longer holds."""


def publish(
    settings: Settings,
    run_date: date | None = None,
    tell: Progress = progress.tell,
    auditor: Callable[[Settings, Mapping[str, Table]], pd.DataFrame] | None = None,
) -> Plan:
    """Publish what is staged and new, in both stores; return what was planned.

    `run_date` stands for today, `auditor` for `audit`.
    Raises GateStopped, before anything is published, for a delivery with too many rejected records, or one
    that replaces too many orders, and for tables that fail the audit: what was rejected is in
    `data/rejects/unpublished/` then. Raises ValueError where deliveries were judged under other settings.
    """
    todo = plan(settings, run_date)
    judged = judging.judge(settings, todo, tell)
    judging.write_quarantine(settings, judged)
    gate.require_few_rejected(judging.counts(judged), settings.max_reject_ratio)
    tables = weigh(settings, todo, judged)
    gate.require_success(auditor(settings, tables) if auditor else audit(settings, tables, judged=judged))
    commit(settings, todo, judged, tables)
    return todo


def plan(settings: Settings, run_date: date | None = None) -> Plan:
    """Bring the database to its tables, and plan what to do with the deliveries that were staged last.

    `run_date` stands for today. Raises ValueError where deliveries were judged under other settings.
    """
    if migrate.behind(settings):
        with lock.publish(settings):
            migrate.upgrade(settings)
    settle_what_was_cut_short(settings)
    ledger = database.ledger(settings)
    planning.require_same_settings(ledger, settings)
    seen, today = database.sightings(settings), run_date or planning.today(settings)
    found = planning.plan(staging.read_manifest(settings), ledger, seen, today)
    for one in found:
        back = going_back(settings, one) if one.status == "again" else 0
        if back:
            # stderr: the notebook shows it in its place, the console that runs the notebook repeats it
            print(f"note: {_bytes_again(one)}; {one.kind} that go back to them: {back:,}", file=sys.stderr)
    return found


def weigh(settings: Settings, plan: Plan, judged: Sequence[Judged]) -> dict[str, Table]:
    """Return the rows to publish: of each customer and order the latest version, as a whole; new holdings.

    Where a delivery comes again, its published versions leave their places, and others may stand there now.
    Raises GateStopped for a new delivery that replaces more orders than MAX_REPLACED_RATIO allows.
    """
    replacing.require_few_replaced(settings, judged)
    leaving = [one.delivery for one in judged if one.delivery.status == "again"]
    beside = without(settings, leaving, plan.places) if leaving else []
    versions = fold.weighed(settings, [*judged, *beside])
    return {**versions, "holdings": holdings.changed(settings, plan, judged)}


def audit(
    settings: Settings,
    tables: Mapping[str, Table],
    audit_all: bool = False,
    judged: Sequence[Judged] = (),
) -> pd.DataFrame:
    """Audit the rows to publish, keep what was found, write all Data Docs anew, return the verdicts.

    Deliveries that were `judged` are audited, too: each as a row, beside those before it.
    Where there are no rows and `audit_all`, what is published is audited; the warehouse is made level first.
    """
    new = any(len(frame) for frame in tables.values())
    if audit_all and not new:
        with lock.publish(settings):
            level_warehouse(settings)
        tables = {name: warehouse.read(settings, name) for name in tables}
    progress.tell("auditing")
    known = _known(settings) if new else None
    whose = whose_rows(tables, known) if known else []
    if known and judged:
        brought = accounts(settings, known.records, known.deliveries, judged, tables)
        tables = {**tables, DELIVERIES: brought}
    found = gate.audit(tables, settings, whose)
    data_docs.write(settings)
    return found


def whose_rows(tables: Mapping[str, Table], known: Iterable[Planned]) -> list[str]:
    """Return the names of those of the known deliveries from which rows of these tables are."""
    ids, places = (_values(tables, column) for column in ("delivery_id", "position"))
    return [one.name for one in known if one.delivery_id in ids or one.position in places]


def _values(tables: Mapping[str, Table], column: str) -> set[Any]:
    """Return the values of a column in those of the tables that have it."""
    having = [table for name, table in tables.items() if column in TABLES[name] and len(table)]
    return {one for table in having for part in parts(table, [column]) for one in part[column].unique()}


def commit(settings: Settings, plan: Plan, judged: Sequence[Judged], tables: dict[str, Table]) -> None:
    """Commit rows and ledger to the database in one transaction, then bring the warehouse level with it.

    `tables` are the latest versions of what was judged. A delivery that now stands at a later place takes
    part again, with its new position.

    Judgements are written before, and stand with their quarantine after that. Raises Busy while another run
    goes on (see `lock.publish`), Overtaken where one has published since.
    """
    progress.tell("publishing")
    now, began = datetime.now(UTC).replace(tzinfo=None), time.monotonic()
    rows = [ledger_row(one, settings, now) for one in judged]
    with lock.publish(settings):
        months, migrated = set[str](), holdings.unfounded(settings)
        if rows or plan.sightings or plan.placed or len(tables["holdings"]):
            require_as_planned(database.ledger(settings), plan)
            for one in judged:
                verdicts.prepare(settings, one, now)
            placed = {sha256: (*place, now) for sha256, place in plan.places.items()}
            months = database_load.merge(settings, tables, rows, plan.rows, placed)
        give_back()
        settle(settings)
        if migrated:
            print(f"note: {holdings.what_moved(settings)}", file=sys.stderr)
        # What was just judged need not be read back from the database, unless the warehouse lacks more.
        moved = {one.delivery_id for one in plan.placed}
        again = {one.delivery.delivery_id for one in judged if one.delivery.status == "again"}
        just_now = Published({one.delivery.delivery_id for one in judged}, tables, months, moved, again)
        level_warehouse(settings, just_now)
    for one in judged:
        events.tell("delivery published", **one.told())
    events.tell("published", deliveries=len(judged), seconds=time.monotonic() - began)


def require_as_planned(ledger: pd.DataFrame, plan: Plan) -> None:
    """Raise Overtaken unless the ledger holds just the deliveries that it held when this was planned."""
    if set(ledger["sha256"]) != {one.sha256 for one in plan if one.status != "new"}:
        raise Overtaken(
            "nothing was published: others have published since this was planned; run it all again"
        )


def ledger_row(one: Judged, settings: Settings, now: datetime) -> dict[str, Any]:
    """Return what the ledger notes of a delivery that is published now (UTC)."""
    delivery, records = one.delivery, one.records
    return {
        "sha256": delivery.sha256,
        "delivery_id": delivery.delivery_id,
        "position": delivery.position,
        "name": delivery.name,
        "kind": delivery.kind,
        **{name: getattr(settings, name) for name in planning.JUDGED_UNDER},
        "rules_version": one.rules_version,
        "delivered_on": delivery.delivered_on,
        "records": records.count,
        "accepted": records.accepted_count,
        "rejected": records.rejected_count,
        "repeats": records.repeats,
        "published_at": now,
    }


def _known(settings: Settings) -> Plan:
    """Return the deliveries that lie there or were published, by their places now."""
    ledger, seen = database.ledger(settings), database.sightings(settings)
    return planning.plan(staging.read_manifest(settings), ledger, seen, planning.today(settings))


def _bytes_again(one: Planned) -> str:
    if one.name == one.was:
        return f"{one.name} has bytes again that it had before"
    return f"{one.name} has the bytes of {one.was}"
