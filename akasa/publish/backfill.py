"""Re-derive what is published from the deliveries, under the rules of today: all of it, or a range of days.

All of it is as if every delivery had been published only now, at the place that it has. Of a range, the
orders of those days are derived again: customers have no day, so they stay as they are, and no order is moved
into the range or out of it, since no other day may change; such orders stay where they stand, and are listed.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from akasa.ingest import ahead, deliveries, parting, repairs, staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.staging import Progress
from akasa.publish import database_load, holdings, versions, warehouse_merge
from akasa.publish.days import Days, derived_on
from akasa.publish.differences import Change, Tables
from akasa.publish.level import level_warehouse
from akasa.publish.road import ledger_row, whose_rows
from akasa.publish.settle import settle, settle_what_was_cut_short
from akasa.stores import database, lock
from akasa.validate import gate, judging, rules, verdicts
from akasa.validate import plan as planning
from akasa.validate.verdicts import Judged
from akasa.workspace import events, progress
from akasa.workspace.settings import Settings
from akasa.workspace.tables import TABLES


class DeliveryGone(ValueError):
    """Of a delivery that was published neither file nor records are there, so it cannot be judged again."""


class NotKept(ValueError):
    """It is not known how a delivery was judged on the days that a backfill is to leave as they are."""


def derive(settings: Settings, first: date, last: date, tell: Progress = progress.tell) -> Change:
    """Derive the orders of the days `first` to `last`, both included, from every published delivery.

    Raises DeliveryGone, NotKept, RefusedDelivery for a file that today's reader does not accept, and
    GateStopped where a delivery has more rejected records than MAX_REJECT_RATIO allows. Writes nothing but
    staging files, and the rejected records that stopped it.
    """
    settle_what_was_cut_short(settings)
    ledger = database.ledger(settings)
    ledger = ledger[ledger["kind"] == "orders"]
    require_kept(settings, ledger)
    judged = _judge_anew(settings, ledger, tell)
    tell("comparing with what is published")
    return derived_on(settings, Days(first, last), versions.latest(judged, settings.amount_is), judged)


def derive_all(settings: Settings, tell: Progress = progress.tell) -> Change:
    """Derive all that is published, customers too, from every published delivery. Raises as `derive` does."""
    settle_what_was_cut_short(settings)
    judged = _judge_anew(settings, database.ledger(settings), tell)
    tell("comparing with what is published")
    before = {table: versions.typed(table, database.rows(settings, table)) for table in TABLES}
    seen = [one for one in planning.seen(database.sightings(settings)) if not one.withdrawn]
    after = versions.latest(judged, settings.amount_is)
    return Change(before, {**after, "holdings": holdings.every(settings, seen, (), judged)}, judged)


def read_what_is_lacking(settings: Settings, ledger: pd.DataFrame, tell: Progress) -> None:
    """Read again the published deliveries whose records are not staged, or not by this version's reader.

    Raises DeliveryGone that names those whose bytes lie nowhere any more, under whatever name.
    """
    lacking = [
        row for row in ledger.itertuples() if not staging.is_there(settings.staging, row.kind, row.sha256)
    ]
    found = deliveries.find(settings).deliveries if lacking else ()
    files, names = {one.key: one for one in found}, {one.name: one for one in found}
    files |= {(row.kind, row.sha256): one for row in lacking if (one := _repairing(row, names))}
    faults = [
        f"{row.name} has {'changed' if row.name in names else 'disappeared'} since it was published "
        f"(sha256 {row.sha256[:12]}…, {row.published_at[:19]} UTC)"
        for row in lacking
        if (row.kind, row.sha256) not in files
    ]
    if faults:
        way_out = "Put its bytes back, here or in the incoming folder; nothing was changed."
        raise DeliveryGone("; ".join(faults) + f". {way_out}")
    to_read = [files[row.kind, row.sha256] for row in lacking]
    for refusal in ahead.read(settings, to_read, tell).values():
        raise refusal
    for file in to_read:
        parting.parts(file, staging.stage(file, settings.staging, tell), settings.staging)


def _repairing(row: Any, files: Mapping[str, Delivery]) -> Delivery | None:
    """Return the file of which a delivery is a part, where it has the bytes that it had."""
    repaired = repairs.repaired(row.name)
    file = files.get(repaired.file) if repaired else None
    return file if file and row.sha256 in (file.sha256, parting.digest(file.sha256, row.name)) else None


def require_kept(settings: Settings, ledger: pd.DataFrame) -> None:
    """Raise NotKept for deliveries whose judgement is lost, unless today's rules would give it again."""
    older = ledger[ledger["rules_version"].fillna(0) != rules.RULES_VERSION]
    lost = [row.name for row in older.itertuples() if kept(settings, row) is None]
    if lost:
        raise NotKept(
            f"how {', '.join(lost)} was judged is not kept in {settings.label(settings.judged)}, so a range "
            "of days cannot be derived without changing others; backfill without START and END derives all"
        )


def kept(settings: Settings, row: Any) -> Judged | None:
    """Return the judgement that is published of a delivery, by its row of the ledger; None where it is lost.

    Another workspace may have published on the same database since, and keep it.
    """
    found = verdicts.recall(settings, planning.of_ledger(row))
    return found if found and not _noted_otherwise(row, found) else None


def commit(settings: Settings, change: Change) -> None:
    """Put the derived rows in place of the published ones: database, quarantine, then warehouse.

    To be called in the run in which the change was derived, so that no one publishes in between (`lock.run`).
    Raises GateStopped where the rows do not pass the audit.
    """
    tables = change.after if change.mixed is None else _only(change.after, change.orders.arriving)
    whose = whose_rows(tables, [one.delivery for one in change.judged])
    gate.require_success(gate.audit(tables, settings, whose))
    now = datetime.now(UTC).replace(tzinfo=None)
    with lock.publish(settings):
        level_warehouse(settings)
        judged = judged_otherwise(settings, change)
        rows = [ledger_row(one, settings, now) for one in judged]
        for one in judged:
            verdicts.prepare(settings, one, now)
        if rows and change.mixed is None:
            database_load.refill(settings, tables, rows, now)
            warehouse_merge.rebuild(settings, tables, database.ledger(settings))
        elif rows:
            database_load.replace(settings, change.orders.leaving, tables, rows, now)
            warehouse_merge.replace(settings, change.orders.leaving, tables, database.ledger(settings))
        settle(settings)
    for one in judged:
        events.tell("delivery backfilled", **one.told())


def judged_otherwise(settings: Settings, change: Change) -> list[Judged]:
    """Return the deliveries that a change concerns, as they are judged after it.

    Those are the ones that are judged otherwise than before, or whose rows come or go; of everything, all of
    them where there is any.
    """
    ledger = {(row.kind, row.sha256): row for row in database.ledger(settings).itertuples()}
    moving = _only(change.before, change.orders.leaving), _only(change.after, change.orders.arriving)
    delivery_ids = {delivery_id for tables in moving for delivery_id in tables["orders"]["delivery_id"]}
    found = []
    for now in change.judged:
        row = ledger[now.delivery.key]
        then = kept(settings, row) or now
        after = change.mixed(then, now) if change.mixed else now
        moves = now.delivery.delivery_id in delivery_ids
        if moves or not verdicts.same(then.records, after.records) or _noted_otherwise(row, after):
            found.append(after)
    differing = (len(one.all) for one in (change.orders, change.customers, change.numbers))
    everything = change.mixed is None and (found or any(differing))
    return list(change.judged) if everything else found


def _noted_otherwise(row: Any, judged: Judged) -> bool:
    """Return whether the ledger counts other records of a delivery, or names other rules."""
    records, version = judged.records, None if pd.isna(row.rules_version) else row.rules_version
    parts = records.accepted_count, records.rejected_count, records.repeats
    return (row.accepted, row.rejected, row.repeats, version) != (*parts, judged.rules_version)


def _judge_anew(settings: Settings, ledger: pd.DataFrame, tell: Progress) -> list[Judged]:
    """Judge published deliveries again."""
    planning.require_same_settings(ledger, settings)
    read_what_is_lacking(settings, ledger, tell)
    judged = [judging.judge_one(settings, planning.of_ledger(row), tell) for row in ledger.itertuples()]
    try:
        gate.require_few_rejected(judging.counts(judged), settings.max_reject_ratio)
    except gate.GateStopped:
        judging.write_quarantine(settings, judged)
        raise
    return judged


def _only(tables: Tables, ids: "pd.Series[str]") -> dict[str, pd.DataFrame]:
    """Return the orders and order_items of some orders."""
    return {name: tables[name][tables[name]["order_id"].isin(ids)] for name in ("orders", "order_items")}
