"""From staged deliveries to published rows: plan, judge each delivery, keep the latest versions, commit."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from akasa import cleaning, database, deliveries, load, rejects, rules, staging, warehouse
from akasa.models import Customer, Order, OrderItem
from akasa.rules import Judged
from akasa.settings import Settings
from akasa.staging import Manifest, Staged


@dataclass(frozen=True)
class Planned:
    """One delivery and what is to be done with it.

    `status` is "new"; "repeat" (published before); "moved" (published before, and its bytes now also lie
    under an earlier name); or "published" (in the ledger, its file gone). `position` is its place in the
    order of deliveries, `delivered_on` the date in its name, or that of the run that published it.
    """

    name: str
    kind: str
    sha256: str
    status: str
    position: str
    delivered_on: date

    @property
    def delivery_id(self) -> int:
        return int(self.sha256[:15], 16)


@dataclass(frozen=True)
class Assessed:
    """A planned delivery with its records parted into accepted, rejected and repeats."""

    planned: Planned
    judged: Judged


def today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.business_timezone)).date()


def plan(manifest: Manifest, ledger: pd.DataFrame, run_date: date) -> list[Planned]:
    """Compare what lies in the drop folders with the ledger of what was published; in delivery order.

    Bytes that lie under several names stand at the earliest. Other bytes under a published name come after
    it.
    """
    known = {row.sha256: row for row in ledger.itertuples()}
    found = [_planned(staged, known.get(staged.sha256), ledger, run_date) for staged in manifest.staged]
    present = {planned.sha256 for planned in found}
    gone = [of_ledger(row) for sha256, row in known.items() if sha256 not in present]
    return sorted(found + gone, key=lambda planned: planned.position)


def moved(planned: Sequence[Planned]) -> bool:
    """Say whether a published delivery moved to an earlier place, so that versions may win that had lost."""
    return any(one.status == "moved" for one in planned)


def due(planned: Sequence[Planned]) -> list[Planned]:
    """Return the deliveries to judge: the new ones; all, where one of them moved to an earlier place."""
    return [one for one in planned if one.status == "new" or moved(planned)]


def plan_table(planned: Sequence[Planned]) -> pd.DataFrame:
    """Return one row a delivery, in delivery order: delivery, kind, status."""
    rows = [(one.name, one.kind, one.status) for one in planned]
    return pd.DataFrame(rows, columns=["delivery", "kind", "status"])


def require_same_amounts(ledger: pd.DataFrame, amount_is: str) -> None:
    """Raise ValueError when the database was filled with another AMOUNT_IS than the present one."""
    for before in set(ledger["amount_is"]) - {amount_is}:
        raise ValueError(
            f"AMOUNT_IS is {amount_is!r}, but this database was published with AMOUNT_IS={before}; "
            "set it back, or use another DATA_DIR"
        )


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
        current = rejects.path(settings.rejects, one.planned.name, one.planned.sha256)
        any_name = rejects.path(settings.rejects, "*", one.planned.sha256).name
        if len(one.judged.rejected):
            rejects.write(current, _labelled(one))
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


def to_audit(settings: Settings, tables: dict[str, pd.DataFrame], audit_all: bool) -> dict[str, pd.DataFrame]:
    """Return the tables to judge: the new rows; where there are none and `audit_all`, the published ones."""
    if audit_all and not any(len(frame) for frame in tables.values()):
        return {name: warehouse.read(settings, name) for name in tables}
    return tables


def latest(assessed: Sequence[Assessed], amount_is: str) -> dict[str, pd.DataFrame]:
    """Return customers, orders and order_items: of each customer and order the latest delivery's version."""
    in_order = sorted(assessed, key=lambda one: one.planned.position)
    customers = [_of(one, one.judged.accepted) for one in in_order if one.planned.kind == "customers"]
    lines = [one for one in in_order if one.planned.kind == "orders"]
    orders = [_of(one, rules.orders_of(one.judged.accepted, amount_is)) for one in lines]
    items = [_of(one, rules.items_of(one.judged.accepted, amount_is)) for one in lines]
    kept = _last(orders, EMPTY["orders"], "order_id")
    all_items = _stack(items, EMPTY["order_items"])
    if len(items) > 1:
        winners = warehouse.beside(all_items["order_id"], kept["order_id"], kept["delivery_id"])
        all_items = all_items[winners == all_items["delivery_id"]].reset_index(drop=True)
    return {
        "customers": _last(customers, EMPTY["customers"], "customer_id"),
        "orders": kept,
        "order_items": all_items,
    }


def commit(
    settings: Settings,
    assessed: Sequence[Assessed],
    tables: dict[str, pd.DataFrame],
    replace_all: bool = False,
) -> None:
    """Publish rows and ledger to the database in one transaction, then bring the warehouse level with it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [_ledger_row(one, settings.amount_is, now) for one in assessed]
    months = load.publish(settings, tables, rows, replace_all) if rows else set[str]()
    level_warehouse(settings, Published({one.planned.delivery_id for one in assessed}, tables, months))


@dataclass(frozen=True)
class Published:
    """What was just published: delivery_ids, their rows, and the months that orders left for other rows."""

    delivery_ids: Set[int]
    tables: Mapping[str, pd.DataFrame]
    months: Set[str]


def level_warehouse(settings: Settings, just_now: Published | None = None) -> None:
    """Bring the warehouse to what the database holds.

    Only the rows of deliveries that it lacks are merged: those just published, or what the database has of
    them. Where the warehouse holds nothing yet, or something that the ledger does not know so (another order,
    a backfill, another database), it is made anew.
    """
    ledger = database.ledger(settings)
    held = warehouse.deliveries(settings)
    anew = held.empty or not warehouse.marks(held) <= warehouse.marks(ledger)
    lacking = set(ledger["delivery_id"]) - (set() if anew else set(held["delivery_id"]))
    if not lacking and not anew:
        return
    if just_now and lacking == just_now.delivery_ids:
        warehouse.publish(settings, just_now.tables, ledger, anew, just_now.months)
    else:
        warehouse.publish(settings, published(settings, lacking), ledger, anew)


def published(settings: Settings, delivery_ids: Collection[int]) -> dict[str, pd.DataFrame]:
    """Return the database's customers, orders and order_items that come from some deliveries."""
    return {
        name: typed(name, database.rows(settings, model, model.delivery_id.in_(delivery_ids)))
        for name, model in MODELS.items()
    }


def typed(name: str, rows: pa.Table) -> pd.DataFrame:
    """Return a table's rows as the frame that `latest` gives."""
    frame = rows.to_pandas(date_as_object=False, types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame.astype({**EMPTY[name], "delivery_id": "int64"})


MODELS: dict[str, type[Customer] | type[Order] | type[OrderItem]] = {
    "customers": Customer,
    "orders": Order,
    "order_items": OrderItem,
}
EMPTY = {
    "customers": {"customer_id": "str", "customer_name": "str", "mobile_number": "str", "region": "str"},
    "orders": {
        "order_id": "str",
        "mobile_number": "str",
        "order_date_time": "datetime64[us]",
        "order_date": "datetime64[s]",
        "total_amount_paise": "int64",
    },
    "order_items": {"order_id": "str", "sku_id": "str", "sku_count": "int64", "amount_paise": "Int64"},
}


def _planned(staged: Staged, published: Any, ledger: pd.DataFrame, run_date: date) -> Planned:
    same_name = ledger[(ledger["name"] == staged.name) & (ledger["sha256"] != staged.sha256)]
    revision = max((deliveries.revision(place) + 1 for place in same_name["position"]), default=0)
    place = deliveries.position(staged.rank, staged.date, staged.name, revision)
    what = (staged.kind, staged.sha256)
    if published is None:
        return Planned(staged.name, *what, "new", place, staged.day or run_date)
    before = _as_date(published.delivered_on)
    if staged.name != published.name and place < published.position:
        # The day in a name that it no longer goes by says nothing any more.
        undated = run_date if deliveries.date_in_name(published.name) else before
        return Planned(staged.name, *what, "moved", place, staged.day or undated)
    return Planned(published.name, *what, "repeat", published.position, before)


def of_ledger(row: Any) -> Planned:
    """Return the ledger's row as a published delivery."""
    return Planned(row.name, row.kind, row.sha256, "published", row.position, _as_date(row.delivered_on))


def _ledger_row(one: Assessed, amount_is: str, now: datetime) -> dict[str, Any]:
    planned, judged = one.planned, one.judged
    return {
        "sha256": planned.sha256,
        "delivery_id": planned.delivery_id,
        "position": planned.position,
        "name": planned.name,
        "kind": planned.kind,
        "amount_is": amount_is,
        "delivered_on": planned.delivered_on,
        "records": judged.records,
        "accepted": len(judged.accepted),
        "rejected": len(judged.rejected),
        "repeats": judged.repeats,
        "published_at": now,
    }


def _labelled(one: Assessed) -> pd.DataFrame:
    labels = {"delivery": one.planned.name, "sha256": one.planned.sha256}
    return one.judged.rejected.assign(**labels)[[*labels, *one.judged.rejected.columns]]


def _of(one: Assessed, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(delivery_id=one.planned.delivery_id)


def _last(frames: Sequence[pd.DataFrame], empty: dict[str, str], key: str) -> pd.DataFrame:
    rows = _stack(frames, empty)
    return rows.drop_duplicates(key, keep="last", ignore_index=True) if len(frames) > 1 else rows


def _stack(frames: Sequence[pd.DataFrame], empty: dict[str, str]) -> pd.DataFrame:
    types = {**empty, "delivery_id": "int64"}
    nothing = pd.DataFrame(columns=list(types))
    return pd.concat(frames or [nothing], ignore_index=True).astype(types)


def _as_date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
