"""What each move adds to, or takes from, a row of a KPI; the events of a row add up to its difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from akasa.changes.kept import State, Stood
from akasa.changes.moves import STAYED, Moves

# key: of the row; cause, why, delivery, other (the row on the other side); orders, paise, customers;
# thing: the order's id, or the customer's; was and now: the order's paise.
COLUMNS = ["key", "cause", "why", "delivery", "other", "orders", "paise", "customers", "thing", "was", "now"]
_WHOLE = ["orders", "paise", "customers"]
_TEXTS = ["key", "cause", "why", "delivery", "other", "thing"]


@dataclass(frozen=True)
class Deliveries:
    """Which deliveries are not as they were, and what is to be said of a move by them."""

    before: State
    after: State

    @cached_property
    def fates(self) -> dict[int, str]:
        """delivery_id → came, taken back, judged anew or moved; none of those that stand as they stood."""
        then, now = ({one.key: one for one in state.deliveries} for state in (self.before, self.after))
        found = {one.delivery_id: "came" for key, one in now.items() if key not in then}
        found |= {one.delivery_id: "taken back" for key, one in then.items() if key not in now}
        both = ((then[key], now[key]) for key in now if key in then)
        return found | {new.delivery_id: fate for old, new in both if (fate := _fate(old, new))}

    @cached_property
    def names(self) -> dict[int, str]:
        """delivery_id → the name at which it stands, or stood last."""
        return {one.delivery_id: one.name for one in (*self.before.deliveries, *self.after.deliveries)}

    def of(self, before: "pd.Series[int]", after: "pd.Series[int]") -> pd.DataFrame:
        """Return why and delivery of versions: that of the side whose delivery is not as it was."""
        fates = [_mapped(side, self.fates) for side in (before, after)]
        by_now = after.notna() & (fates[1].eq("came") | (fates[1].notna() & ~fates[0].eq("taken back")))
        by_now |= fates[0].isna() & after.notna()
        whose = after.where(by_now, before.where(before.notna(), after))
        return pd.DataFrame({"why": _mapped(whose, self.fates), "delivery": _mapped(whose, self.names)})

    def of_claims(self, before: "pd.Series[str]", after: "pd.Series[str]") -> "pd.Series[str]":
        """Return the delivery of a claim that came, or that is gone, by positions."""
        then, now = self.before.sightings, self.after.sightings
        gone = _mapped(before, {place: name for place, name in then.items() if place not in now})
        return _mapped(after, {place: name for place, name in now.items() if place not in then}).fillna(gone)


def _mapped(keys: "pd.Series[Any]", words: Mapping[Any, str]) -> "pd.Series[str]":
    """Return a word for each key, null where there is none."""
    return keys.map(words).astype("str")


def _fate(old: Stood, new: Stood) -> str | None:
    if old.position != new.position:
        return "moved"
    return "judged anew" if old.noted != new.noted else None


def by_region(moves: Moves, deliveries: Deliveries) -> pd.DataFrame:
    """Return the events of regional_revenue, those of its customers, too."""
    orders = _events(moves, deliveries, "region", "counts")
    return _typed([orders, _customers(moves, deliveries)])


def by_month(moves: Moves, deliveries: Deliveries) -> pd.DataFrame:
    """Return the events of monthly_trends."""
    rows = moves.rows[moves.rows["what"] != STAYED]
    months = {f"month_{side}": rows[f"day_{side}"].dt.strftime("%Y-%m") for side in (0, 1)}
    found = _events(Moves(rows.assign(**months), moves.months, *_rest(moves)), deliveries, "month", "counts")
    other = moves.months.rename(columns={"month": "key"})
    cause = np.where(other["orders"].astype("int64") > 0, "counts now", "counts no longer")
    return _typed([found, other.assign(cause=cause, why="as_of")])


def by_owner(moves: Moves, deliveries: Deliveries, counted: str) -> pd.DataFrame:
    """Return the events by customer, of what `counts` or is `recent`."""
    return _events(moves, deliveries, "owner", counted)


def before_and_after(moves: Moves, counted: str) -> pd.DataFrame:
    """Return orders and paise of each customer of whom all is known, before (`_0`) and after (`_1`)."""
    sides = []
    for side in (0, 1):
        rows = moves.rows[moves.rows[f"{counted}_{side}"] & moves.rows[f"owner_{side}"].isin(moves.whole)]
        sides.append(rows.groupby(f"owner_{side}")[[f"orders_{side}", f"paise_{side}"]].sum())
    keys = sides[0].index.union(sides[1].index).rename("key")
    return pd.concat([side.reindex(keys, fill_value=0) for side in sides], axis=1)


def _rest(moves: Moves) -> tuple["pd.Series[str]", pd.DataFrame]:
    return moves.whole, moves.customers


def _events(moves: Moves, deliveries: Deliveries, by: str, counted: str) -> pd.DataFrame:
    rows = moves.rows
    keys = [rows[f"{by}_{side}"] for side in (0, 1)]
    counts = [rows[f"{counted}_{side}"] & keys[side].notna() & _is_there(rows, side) for side in (0, 1)]
    same = counts[0] & counts[1] & keys[0].eq(keys[1])
    stayed = rows["what"].eq(STAYED)
    within = rows[same & ~stayed]
    changed = within[within["paise_0"].ne(within["paise_1"])]
    found = [
        _told(changed, deliveries, by, counted).assign(
            key=changed[f"{by}_1"],
            other=None,
            orders=0,
            paise=changed["paise_1"] - changed["paise_0"],
        )
    ]
    for side, sign in ((0, -1), (1, 1)):
        part = rows[counts[side] & ~same]
        found.append(
            _told(part, deliveries, by, counted).assign(
                key=part[f"{by}_{side}"],
                other=part[f"{by}_{1 - side}"].where(counts[1 - side]),
                orders=sign * part[f"orders_{side}"],
                paise=sign * part[f"paise_{side}"],
            )
        )
    return _typed(found)


def _typed(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return events as one frame: sums that a part does not have are 0, texts null."""
    kinds = {**dict.fromkeys(_WHOLE, "int64"), **dict.fromkeys(_TEXTS, "str"), "was": "Int64", "now": "Int64"}
    # Each by itself: put together first, sums beside none would become floats.
    typed = [
        part.assign(**{name: 0 for name in _WHOLE if name not in part}).reindex(columns=COLUMNS).astype(kinds)
        for part in parts
    ]
    return pd.concat(typed, ignore_index=True)


def _is_there(rows: pd.DataFrame, side: int) -> "pd.Series[bool]":
    return rows[f"orders_{side}"].ne(0) | rows[f"paise_{side}"].ne(0)


def _told(rows: pd.DataFrame, deliveries: Deliveries, by: str, counted: str) -> pd.DataFrame:
    """Return cause, why, delivery, thing, was and now of rows."""
    turned = rows["what"].ne(STAYED)
    of_orders = deliveries.of(rows["delivery_id_0"], rows["delivery_id_1"])
    owners = rows["owner_0"], rows["owner_1"]
    were, are = rows[f"{counted}_0"], rows[f"{counted}_1"]
    cause = pd.Series("number passed", rows.index)
    cause = cause.mask(owners[0].isna(), "customer known").mask(owners[1].isna(), "customer unknown")
    cause = cause.mask(owners[0].eq(owners[1]), "customer moved")
    why = pd.Series(None, rows.index, dtype="str")
    for one, is_one in (("counts now", ~were & are), ("counts no longer", were & ~are)):
        cause, why = cause.mask(is_one, one), why.mask(is_one, "window" if counted == "recent" else "as_of")
    people = moved_by(rows, deliveries, cause)
    return pd.DataFrame(
        {
            "cause": cause.where(~turned, rows["what"]),
            "why": why.where(~turned, of_orders["why"]),
            "delivery": people.where(~turned, of_orders["delivery"]),
            "thing": owners[1].fillna(owners[0]).where(~turned, rows["order_id"]),
            "was": rows["was"],
            "now": rows["now"],
        }
    )


def moved_by(rows: pd.DataFrame, deliveries: Deliveries, cause: "pd.Series[str]") -> "pd.Series[str]":
    """Return the delivery that moved a customer, or let a number pass to another one."""
    claims = deliveries.of_claims(rows["position_0"], rows["position_1"])
    versions = [
        rows["owner_1"].map(one.customers.set_index("customer_id")["delivery_id"].astype("Int64"))
        for one in (deliveries.before, deliveries.after)
    ]
    moved = deliveries.of(*versions)["delivery"]
    return claims.mask(cause.eq("customer moved"), moved).mask(cause.str.startswith("counts"))


def _customers(moves: Moves, deliveries: Deliveries) -> pd.DataFrame:
    """Return the events by which regions have other numbers of customers who ordered."""
    sides = [_units(moves, side) for side in (0, 1)]
    both = pd.concat(sides, axis=1, keys=["region_0", "region_1"]).droplevel(1, axis=1)
    both = both[both["region_0"].ne(both["region_1"])]
    both["owner_1"] = both.index.to_series().where(~both.index.str.startswith("#"))
    versions = [
        both["owner_1"].map(one.customers.set_index("customer_id")["delivery_id"].astype("Int64"))
        for one in (deliveries.before, deliveries.after)
    ]
    moved_by_delivery = deliveries.of(*versions)["delivery"]
    found = []
    for side, sign in ((0, -1), (1, 1)):
        there = both[both[f"region_{side}"].notna()]
        other = there[f"region_{1 - side}"]
        alone = "customer lost" if side == 0 else "customer gained"
        found.append(
            pd.DataFrame(
                {
                    "key": there[f"region_{side}"],
                    "cause": pd.Series(alone, there.index).mask(other.notna(), "customer moved"),
                    "delivery": moved_by_delivery.reindex(there.index).where(other.notna()),
                    "other": other,
                    "customers": sign,
                    "thing": there["owner_1"],
                }
            )
        )
    return _typed(found)


def _units(moves: Moves, side: int) -> pd.DataFrame:
    """Return the region of each customer who has an order, and of each number of nobody's that has one."""
    rows = moves.rows[moves.rows[f"counts_{side}"]]
    owner = rows[f"owner_{side}"]
    rows = rows[owner.isna() | owner.isin(moves.whole)]
    unit = rows[f"owner_{side}"].fillna("#" + rows[f"number_{side}"].astype("str"))
    found = rows.groupby(unit.rename("unit")).agg(
        orders=(f"orders_{side}", "sum"), region=(f"region_{side}", "first")
    )
    return found[found["orders"] > 0][["region"]]
