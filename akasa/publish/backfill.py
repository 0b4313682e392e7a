"""Re-derive the orders of a range of days from the delivered files, under the rules of today.

Customers have no day, so they stay as they are. Nor are orders moved into the range or out of it, since no
other day may change: such orders stay where they stand, and are listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
from sqlalchemy import select

from akasa.ingest import deliveries, staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.staging import Progress
from akasa.publish import database_load, level, versions, warehouse_merge
from akasa.stores import database
from akasa.stores.models import Order, OrderItem
from akasa.validate import cleaning, gate, judging, plan, quarantine
from akasa.validate.judging import Assessed
from akasa.workspace.settings import Settings

MONTHLY = ["month", "added", "changed", "removed", "revenue_before", "revenue_after"]
_ORDER = ["order_id", "mobile_number", "order_date_time", "total_amount_paise", "delivery_id"]
_IDS_A_QUERY = 10_000
_ITEM = ["order_id", "sku_id", "sku_count", "amount_paise"]


class DeliveryGone(ValueError):
    """A file that was published has disappeared or changed, so nothing can be derived from it again."""


@dataclass(frozen=True)
class Change:
    """What a backfill of `first` to `last` would do.

    `before` and `after` hold the range's orders and order_items, as published and as derived now; `added`,
    `changed` and `removed` the ids in which they differ. `staying` lists the orders that would cross the
    range's border: order_id, stands_on, belongs_on.
    """

    first: date
    last: date
    before: dict[str, pd.DataFrame]
    after: dict[str, pd.DataFrame]
    staying: pd.DataFrame
    assessed: Sequence[Assessed]

    added: "pd.Series[str]"
    changed: "pd.Series[str]"
    removed: "pd.Series[str]"


def derive(settings: Settings, first: date, last: date, progress: Progress = lambda text: None) -> Change:
    """Derive the orders of the days `first` to `last`, both included, from every published delivery.

    Raises DeliveryGone, RefusedDelivery for a file that today's reader does not accept, and GateStopped where
    a delivery has more rejected records than MAX_REJECT_RATIO allows. Writes nothing but staging files.
    """
    ledger = database.ledger(settings)
    plan.require_same_amounts(ledger, settings.amount_is)
    files = require_all_there(ledger, deliveries.find(settings).deliveries)
    assessed = []
    for row in ledger[ledger["kind"] == "orders"].itertuples(index=False):
        staging.stage(files[row.sha256], settings.staging, progress, anew=True)
        assessed.append(judging.assess(settings, plan.of_ledger(row), progress))
    gate.require_few_rejects(judging.counts(assessed), settings.max_reject_ratio)
    derived = versions.latest(assessed, settings.amount_is)
    progress("comparing with what is published")
    before, after, staying = _compare(settings, first, last, derived)
    there, then = before["orders"]["order_id"], after["orders"]["order_id"]
    differing = _differing(before["order_items"], after["order_items"], _ITEM)
    differing = pd.concat(
        [differing, _differing(before["orders"], after["orders"], _ORDER)]
    ).drop_duplicates()
    return Change(
        first=first,
        last=last,
        before=before,
        after=after,
        added=then[~then.isin(there)],
        changed=differing[differing.isin(there) & differing.isin(then)],
        removed=there[~there.isin(then)],
        staying=staying,
        assessed=assessed,
    )


def require_all_there(ledger: pd.DataFrame, found: Sequence[Delivery]) -> dict[str, Delivery]:
    """Return the file of every published delivery by its sha256, under whatever name it lies now.

    Raises DeliveryGone that names those that have disappeared, or whose name now holds other bytes.
    """
    by_sha256 = {one.sha256: one for one in found}
    names = {one.name for one in found}
    faults = [
        f"{row.name} has {'changed' if row.name in names else 'disappeared'} since it was published "
        f"(sha256 {row.sha256[:12]}…, {row.published_at[:19]} UTC)"
        for row in ledger.itertuples()
        if row.sha256 not in by_sha256
    ]
    if faults:
        way_out = "Put its bytes back, here or in the incoming folder; nothing was changed."
        raise DeliveryGone("; ".join(faults) + f". {way_out}")
    return by_sha256


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

    Raises GateStopped where the rows do not pass the audit.
    """
    arriving = pd.concat([change.added, change.changed])
    tables = {name: frame[frame["order_id"].isin(arriving)] for name, frame in change.after.items()}
    gate.require_success(gate.audit(tables))
    _write_rejects(settings, change)
    gone = pd.concat([change.changed, change.removed])
    level.level_warehouse(settings)
    if len(arriving) or len(gone):
        now = datetime.now(UTC).replace(tzinfo=None)
        database_load.replace(settings, gone, tables, _rows_gained(change, gone, tables), now)
        warehouse_merge.replace(settings, gone, tables, database.ledger(settings))


def _compare(
    settings: Settings, first: date, last: date, derived: dict[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the range's tables before and after, and the orders that would cross its border."""
    within = Order.order_date.between(first, last)
    of_range = OrderItem.order_id.in_(select(Order.order_id).where(within))
    before = {
        "orders": versions.typed("orders", database.rows(settings, Order, within)),
        "order_items": versions.typed("order_items", database.rows(settings, OrderItem, of_range)),
    }
    belongs = derived["orders"].set_index("order_id")["order_date"]
    belongs_within = belongs.between(pd.Timestamp(first), pd.Timestamp(last))
    stands_within = before["orders"].set_index("order_id")["order_date"]
    entering = _standing(settings, belongs[belongs_within].index.difference(stands_within.index))
    leaving = stands_within[stands_within.index.isin(belongs[~belongs_within].index)]
    staying = pd.concat([entering, leaving]).rename("stands_on").rename_axis("order_id").reset_index()
    staying["belongs_on"] = belongs.reindex(staying["order_id"]).to_numpy()
    ours = belongs[belongs_within].index.difference(entering.index)
    after = {
        name: pd.concat([_of(derived[name], ours), _of(before[name], leaving.index)], ignore_index=True)
        for name in before
    }
    return before, after, staying.sort_values("order_id", ignore_index=True)


def _standing(settings: Settings, ids: "pd.Index[str]") -> "pd.Series[pd.Timestamp]":
    """Return order_id → order_date of those of the orders that are published."""
    parts = [ids[at : at + _IDS_A_QUERY] for at in range(0, max(len(ids), 1), _IDS_A_QUERY)]
    found = [database.rows(settings, Order, Order.order_id.in_(part.tolist())) for part in parts]
    return versions.typed("orders", pa.concat_tables(found)).set_index("order_id")["order_date"]


def _rows_gained(change: Change, gone: "pd.Series[str]", tables: dict[str, pd.DataFrame]) -> "pd.Series[int]":
    """Return delivery_id → how many more order lines come from it than before."""
    lost = _of(change.before["order_items"], gone)["delivery_id"].value_counts()
    gained = tables["order_items"]["delivery_id"].value_counts()
    return gained.sub(lost, fill_value=0).astype("int64")


def _write_rejects(settings: Settings, change: Change) -> None:
    """Rewrite the quarantine of the range's records; of other days' records it stays as it was."""
    touched = pd.concat([change.added, change.changed, change.removed])

    def concerned(records: pd.DataFrame) -> "pd.Series[bool]":
        clean = cleaning.clean_orders(records, settings.source_timezone, settings.business_timezone)
        within = clean["order_date"].between(pd.Timestamp(change.first), pd.Timestamp(change.last))
        return within | clean["order_id"].isin(touched)

    for one in change.assessed:
        now, before = one.judged.rejected, _quarantined(settings, one)
        kept = pd.concat([before[~concerned(before)], now[concerned(now)]]).sort_values("record")
        judging.write_rejects(settings, [replace(one, judged=replace(one.judged, rejected=kept))])


def _quarantined(settings: Settings, one: Assessed) -> pd.DataFrame:
    """Return what stands in a delivery's quarantine file, with its raw fields as they were read."""
    raw = staging.read(settings.staging, one.planned.sha256).drop_columns("malformed").to_pandas()
    any_name = quarantine.path(settings.rejects, "*", one.planned.sha256)
    files = [quarantine.read(file) for file in settings.rejects.glob(any_name.name)]
    judged = pd.concat(
        [file[["record", "reasons", "detail"]] for file in files] or [one.judged.rejected.iloc[:0, :3]]
    )
    judged = judged.astype({"record": "int64"}).replace({"detail": {"": None}})
    return judged.merge(raw, on="record")[one.judged.rejected.columns]


def _differing(before: pd.DataFrame, after: pd.DataFrame, columns: list[str]) -> "pd.Series[str]":
    """Return the ids of orders of which a row stands in only one of the two frames."""
    both = before[columns].merge(after[columns], how="outer", indicator="side")
    return both["order_id"][both["side"] != "both"]


def _of(rows: pd.DataFrame, ids: "pd.Series[str] | pd.Index[str]") -> pd.DataFrame:
    return rows[rows["order_id"].isin(ids)]
