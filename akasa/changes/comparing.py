"""Two runs compared: deliveries, orders, and each row of a KPI that moved, with causes that add up."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from akasa.changes import kept, moves, rows, versions
from akasa.changes.events import Deliveries
from akasa.changes.kept import State
from akasa.changes.moves import Moves
from akasa.changes.rows import MOST_IDS
from akasa.changes.versions import Turned
from akasa.kpis.reconcile import Proof
from akasa.kpis.results import rupees
from akasa.workspace.settings import Settings

Changes = Mapping[str, Any]  # as in changes.json: docs/changes.schema.json says what each name means


def since_last_run(settings: Settings, proof: Proof, made: datetime) -> Changes | None:
    """Return what has moved since the run before, and let the next one compare with this one.

    The run before is the last one that succeeded with anything else: what a run that is made again says of
    the day does not go. None where this is no run.
    """
    if not kept.is_in_a_run(settings):
        return None
    before = kept.before(settings)
    now = kept.of_now(settings, proof, made.isoformat(timespec="minutes"))
    if before and before.equals(now):
        return before.changes
    found = between(settings, before, now) if before else first(now)
    kept.prepare(settings, _with(now, found))
    return found


def first(after: State) -> Changes:
    """Return what is said where there is no run to compare with."""
    nothing: dict[str, Any] = {name: [] for name in ("deliveries", "orders", "customers", "kpis")}
    return {"before": None, "after": vars(after.parameters), **nothing, "unexplained": [], "lost": []}


def between(settings: Settings, before: State, after: State) -> Changes:
    """Return what differs between two states, and why."""
    turned = versions.turned(settings, before, after)
    moved = moves.of(settings, before, after, turned)
    deliveries = Deliveries(before, after)
    kpis = list(rows.of_kpis(before, after, moved, deliveries))
    unexplained = [
        {"kpi": kpi["kpi"], "key": row["key"], **row["unexplained"]}
        for kpi in kpis
        for row in kpi["rows"]
        if row["unexplained"]
    ]
    return {
        "before": {"run": before.run, "made": before.made, **vars(before.parameters)},
        "after": vars(after.parameters),
        "deliveries": list(_deliveries(before, after, deliveries)),
        "orders": list(_orders(turned, deliveries)),
        "customers": list(_customers(moved, deliveries)),
        "kpis": kpis,
        "unexplained": unexplained,
        "lost": list(turned.lost),
    }


def _with(state: State, found: Changes) -> State:
    return replace(state, changes=found)


def _deliveries(before: State, after: State, deliveries: Deliveries) -> Iterator[dict[str, Any]]:
    """Yield the deliveries that are not as they were, in their order."""
    both = {one.key: one for one in (*before.deliveries, *after.deliveries)}
    for one in sorted(both.values(), key=lambda one: one.position):
        fate = deliveries.fates.get(one.delivery_id)
        if fate:
            yield {"kind": one.kind, "name": one.name, "fate": fate, "rules_version": one.rules_version}


def _orders(turned: Turned, deliveries: Deliveries) -> Iterator[dict[str, Any]]:
    """Yield how many orders are new, corrected and withdrawn, by delivery."""
    orders = turned.orders
    told = deliveries.of(orders["delivery_id_0"], orders["delivery_id_1"])
    sums = {
        f"paise_{side}": orders[f"total_amount_paise_{side}"].fillna(0).astype("int64") for side in (0, 1)
    }
    found = told.assign(what=orders["what"], order_id=orders["order_id"], **sums)
    for (delivery, what, why), part in found.groupby(["delivery", "what", "why"], dropna=False):
        yield {
            "what": what,
            "why": None if pd.isna(why) else why,
            "delivery": None if pd.isna(delivery) else delivery,
            "orders": len(part),
            "before": rupees(int(part["paise_0"].sum())),
            "after": rupees(int(part["paise_1"].sum())),
            "first": sorted(part["order_id"])[:MOST_IDS],
        }


def _customers(moved: Moves, deliveries: Deliveries) -> Iterator[dict[str, Any]]:
    """Yield how many customers are new, changed and gone, by delivery."""
    people = moved.customers
    told = deliveries.of(people["delivery_id_0"], people["delivery_id_1"])
    what = pd.Series("changed", people.index).mask(people["delivery_id_0"].isna(), "new")
    what = what.mask(people["delivery_id_1"].isna(), "gone")
    found = told.assign(what=what, customer_id=people["customer_id"])
    for (delivery, one, why), part in found.groupby(["delivery", "what", "why"], dropna=False):
        yield {
            "what": one,
            "why": None if pd.isna(why) else why,
            "delivery": None if pd.isna(delivery) else delivery,
            "customers": len(part),
            "first": sorted(part["customer_id"])[:MOST_IDS],
        }
