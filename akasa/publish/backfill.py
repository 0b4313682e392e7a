"""Re-derive the orders of a range of days from the delivered files, under the rules of today.

Customers have no day, so they stay as they are. Nor are orders moved into the range or out of it, since no
other day may change: such orders stay where they stand, and are listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pandas as pd
from sqlalchemy import select

from akasa.ingest import deliveries, staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.staging import Progress
from akasa.publish import database_load, versions, warehouse_merge
from akasa.publish.level import level_warehouse
from akasa.stores import database, lock
from akasa.stores.models import ORDER_ITEMS, ORDERS
from akasa.validate import cleaning, gate, judging, quarantine, verdicts
from akasa.validate import plan as planning
from akasa.validate.verdicts import Judged
from akasa.workspace import progress
from akasa.workspace.settings import Settings

MONTHLY = ["month", "added", "changed", "removed", "revenue_before", "revenue_after"]
# What two versions of an order, and of an item, are compared by. Whose delivery an item came from follows
# from its order.
_ORDER = ["order_id", "mobile_number", "order_date_time", "total_amount_paise", "delivery_id"]
_ITEM = ["order_id", "sku_id", "sku_count", "amount_paise"]


class DeliveryGone(ValueError):
    """A file that was published has disappeared or changed, so nothing can be derived from it again."""


@dataclass(frozen=True)
class Change:
    """What a backfill of `first` to `last` would do.

    `before` and `after` hold the range's orders and order_items, as published and as derived now. `staying`
    lists the orders that would cross the range's border: order_id, stands_on, belongs_on. `added`, `changed`
    and `removed` are the ids in which before and after differ.
    """

    first: date
    last: date
    before: dict[str, pd.DataFrame]
    after: dict[str, pd.DataFrame]
    staying: pd.DataFrame
    judged: Sequence[Judged]
    added: "pd.Series[str]"
    changed: "pd.Series[str]"
    removed: "pd.Series[str]"


def derive(settings: Settings, first: date, last: date, tell: Progress = progress.tell) -> Change:
    """Derive the orders of the days `first` to `last`, both included, from every published delivery.

    Raises DeliveryGone, RefusedDelivery for a file that today's reader does not accept, and GateStopped where
    a delivery has more rejected records than MAX_REJECT_RATIO allows. Writes nothing but staging files.
    """
    judged = _judge_anew(settings, tell)
    tell("comparing with what is published")
    derived = versions.latest(judged, settings.amount_is)
    before = _published_in(settings, first, last)
    staying = _crossing_the_border(settings, first, last, before, derived)
    after = _derived_in(first, last, before, derived, staying)
    added, changed, removed = _differences(before, after)
    return Change(first, last, before, after, staying, judged, added, changed, removed)


def require_all_there(ledger: pd.DataFrame, found: Sequence[Delivery]) -> dict[tuple[str, str], Delivery]:
    """Return the file of every published delivery by its kind and sha256, under whatever name it lies now.

    Raises DeliveryGone that names those that have disappeared, or whose name now holds other bytes.
    """
    by_key = {one.key: one for one in found}
    names = {one.name for one in found}
    faults = [
        f"{row.name} has {'changed' if row.name in names else 'disappeared'} since it was published "
        f"(sha256 {row.sha256[:12]}…, {row.published_at[:19]} UTC)"
        for row in ledger.itertuples()
        if (row.kind, row.sha256) not in by_key
    ]
    if faults:
        way_out = "Put its bytes back, here or in the incoming folder; nothing was changed."
        raise DeliveryGone("; ".join(faults) + f". {way_out}")
    return by_key


def monthly(change: Change) -> pd.DataFrame:
    """Return one row a month of the range: orders added, changed, removed; revenue (paise) before and after.

    An order that changes its month counts in the later of the two.
    """
    before, after = change.before["orders"], change.after["orders"]
    month_of = pd.concat([before, after]).set_index("order_id")["order_date"].dt.strftime("%Y-%m")
    month_of = month_of.groupby(level=0).max()
    kinds = {"added": change.added, "changed": change.changed, "removed": change.removed}
    columns = {kind: month_of[ids].value_counts() for kind, ids in kinds.items()}
    for name, orders in (("revenue_before", before), ("revenue_after", after)):
        columns[name] = orders.groupby(orders["order_date"].dt.strftime("%Y-%m"))["total_amount_paise"].sum()
    table = pd.DataFrame(columns).fillna(0).astype("int64").sort_index()
    return table.rename_axis("month").reset_index()[MONTHLY]


def commit(settings: Settings, change: Change) -> None:
    """Put the derived orders in place of the published ones: quarantine, database, then warehouse.

    To be called in the run in which the change was derived, so that no one publishes in between (`lock.run`).
    Raises GateStopped where the rows do not pass the audit.
    """
    arriving = pd.concat([change.added, change.changed])
    tables = {name: _of(frame, arriving) for name, frame in change.after.items()}
    gate.require_success(gate.audit(tables))
    _write_quarantine(settings, change)
    leaving = pd.concat([change.changed, change.removed])
    with lock.publish(settings):
        level_warehouse(settings)
        if len(arriving) or len(leaving):
            now = datetime.now(UTC).replace(tzinfo=None)
            gained = _rows_gained(change, leaving, tables)
            database_load.replace(settings, leaving, tables, gained, now)
            warehouse_merge.replace(settings, leaving, tables, database.ledger(settings))


def _judge_anew(settings: Settings, tell: Progress) -> list[Judged]:
    """Read and judge every published delivery of orders again."""
    ledger = database.ledger(settings)
    planning.require_same_settings(ledger, settings)
    files = require_all_there(ledger, deliveries.find(settings).deliveries)
    judged = []
    for row in ledger[ledger["kind"] == "orders"].itertuples(index=False):
        # The reader is a rule too: what it makes of a file today may not be what was staged.
        staging.stage(files[row.kind, row.sha256], settings.staging, tell, anew=True)
        judged.append(judging.judge_one(settings, planning.of_ledger(row), tell))
    gate.require_few_rejected(judging.counts(judged), settings.max_reject_ratio)
    return judged


def _published_in(settings: Settings, first: date, last: date) -> dict[str, pd.DataFrame]:
    """Return the orders and order_items that are published in the range."""
    within = ORDERS.c.order_date.between(first, last)
    of_range = ORDER_ITEMS.c.order_id.in_(select(ORDERS.c.order_id).where(within))
    return {
        "orders": versions.typed("orders", database.rows(settings, "orders", within)),
        "order_items": versions.typed("order_items", database.rows(settings, "order_items", of_range)),
    }


def _crossing_the_border(
    settings: Settings,
    first: date,
    last: date,
    before: dict[str, pd.DataFrame],
    derived: dict[str, pd.DataFrame],
) -> pd.DataFrame:
    """Return the orders that stand inside the range and belong outside of it now, or the other way round.

    Columns: order_id, stands_on, belongs_on.
    """
    stands_inside = _days(before["orders"])
    belongs = _days(derived["orders"])
    inside = belongs.between(pd.Timestamp(first), pd.Timestamp(last))
    leaving = stands_inside[stands_inside.index.isin(belongs[~inside].index)]
    entering = _published_days(settings, belongs[inside].index.difference(stands_inside.index))
    crossing = pd.concat([entering, leaving]).rename("stands_on").rename_axis("order_id").reset_index()
    crossing["belongs_on"] = belongs.reindex(crossing["order_id"]).to_numpy()
    return crossing.sort_values("order_id", ignore_index=True)


def _derived_in(
    first: date,
    last: date,
    before: dict[str, pd.DataFrame],
    derived: dict[str, pd.DataFrame],
    staying: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return the range's orders and items as derived now, but those that stay: they are as they were."""
    belongs = _days(derived["orders"])
    inside = belongs[belongs.between(pd.Timestamp(first), pd.Timestamp(last))].index
    derived_ids = inside.difference(staying["order_id"])
    return {
        name: pd.concat(
            [_of(derived[name], derived_ids), _of(before[name], staying["order_id"])], ignore_index=True
        )
        for name in before
    }


def _differences(
    before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]
) -> tuple["pd.Series[str]", "pd.Series[str]", "pd.Series[str]"]:
    """Return the ids of orders that only `after` has, that differ in a value, and that only `before` has."""
    old, new = before["orders"]["order_id"], after["orders"]["order_id"]
    differing = pd.concat(
        [
            _differing(before["order_items"], after["order_items"], _ITEM),
            _differing(before["orders"], after["orders"], _ORDER),
        ]
    ).drop_duplicates()
    changed = differing[differing.isin(old) & differing.isin(new)]
    return new[~new.isin(old)], changed, old[~old.isin(new)]


def _differing(before: pd.DataFrame, after: pd.DataFrame, columns: list[str]) -> "pd.Series[str]":
    """Return the ids of orders of which a row stands in only one of the two frames."""
    # No merge: it fails where neither has a row.
    return pd.concat([before[columns], after[columns]]).drop_duplicates(keep=False)["order_id"]


def _days(orders: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return order_id → order_date."""
    return orders.set_index("order_id")["order_date"]


def _published_days(settings: Settings, ids: "pd.Index[str]") -> "pd.Series[pd.Timestamp]":
    """Return order_id → order_date of those of the orders that are published, on whatever day."""
    return _days(versions.typed("orders", database.rows_of(settings, ORDERS.c.order_id, ids.tolist())))


def _rows_gained(
    change: Change, leaving: "pd.Series[str]", tables: dict[str, pd.DataFrame]
) -> "pd.Series[int]":
    """Return delivery_id → how many more order lines come from it than before."""
    lost = _of(change.before["order_items"], leaving)["delivery_id"].value_counts()
    gained = tables["order_items"]["delivery_id"].value_counts()
    return gained.sub(lost, fill_value=0).astype("int64")


def _write_quarantine(settings: Settings, change: Change) -> None:
    """Rewrite the quarantine of the range's records; of other days' records it stays as it was."""
    touched = pd.concat([change.added, change.changed, change.removed])

    def concerned(records: pd.DataFrame) -> "pd.Series[bool]":
        clean = cleaning.clean_orders(records, settings.source_timezone, settings.business_timezone)
        within = clean["order_date"].between(pd.Timestamp(change.first), pd.Timestamp(change.last))
        return within | clean["order_id"].isin(touched)

    for one in change.judged:
        now, before = one.records.rejected, _quarantined(settings, one)
        kept = pd.concat([before[~concerned(before)], now[concerned(now)]]).sort_values("record")
        then = judging.as_published(settings, one.delivery).records.accepted
        stays, comes = ~then["order_id"].isin(touched), one.records.accepted["order_id"].isin(touched)
        accepted = pd.concat([then[stays], one.records.accepted[comes]], ignore_index=True)
        judged = replace(one, records=replace(one.records, accepted=accepted, rejected=kept))
        judging.write_quarantine(settings, [judged])
        verdicts.keep(settings, judged)


def _quarantined(settings: Settings, one: Judged) -> pd.DataFrame:
    """Return what stands in a delivery's quarantine file, with its raw fields as they were read."""
    raw = staging.read(settings.staging, "orders", one.delivery.sha256).drop_columns("malformed").to_pandas()
    nothing, columns = one.records.rejected.iloc[:0, :3], one.records.rejected.columns
    files = quarantine.files(settings.quarantine, one.delivery.sha256)
    kept = [quarantine.read(file)[["record", "reasons", "detail"]] for file in files]
    judged = pd.concat(kept or [nothing]).astype({"record": "int64"}).replace({"detail": {"": None}})
    return judged.merge(raw, on="record")[columns]


def _of(rows: pd.DataFrame, ids: "pd.Series[str] | pd.Index[str]") -> pd.DataFrame:
    return rows[rows["order_id"].isin(ids)]
