"""All that may have moved a number: orders that turned, and orders that stayed while others' words changed.

A row is an order, or several of one number that share their lot, before (`_0`) beside after (`_1`): number,
day, orders, paise; owner, region, position (of the claim by which the owner holds the number); `counts` where
it is up to as_of, `recent` where it is in the window. What stayed is all there is less what turned. Of an
order that another amount alone makes another one, the earlier amount stayed, wherever its customer went, and
the rest turned: so both are told apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.changes import sales
from akasa.changes.kept import State
from akasa.changes.owners import Owners, whole
from akasa.changes.versions import Turned
from akasa.kpis.definitions import window_start
from akasa.workspace.settings import Settings
from akasa.workspace.tables import CUSTOMER_ROW, FIRST_DAY

STAYED = "stayed"
_HOLDING = ["mobile_number", "customer_id", "from_day", "until_day"]


@dataclass(frozen=True)
class Moves:
    """The `rows`; `months`: orders and paise that stayed, of days that count now and did not, or reverse.

    `whole` are the customers of whom every order is in the rows; `customers` those who are not what they
    were, before beside after.
    """

    rows: pd.DataFrame
    months: pd.DataFrame
    whole: "pd.Series[str]"
    customers: pd.DataFrame


def of(settings: Settings, before: State, after: State, turned: Turned) -> Moves:
    """Return what moved between two states. One pass over the orders of the numbers concerned."""
    owners = Owners(before), Owners(after)
    customers = differing_customers(before, after)
    came = _less(turned.orders)
    months, strangers = _of_other_days(settings, before, after, came)
    moved = customers["customer_id"][customers["region_0"].ne(customers["region_1"])]
    listed = [one.results["top_spenders"]["customer_id"] for one in (before, after)]
    numbers = _each(
        [
            *(_side(turned.orders, side)["number"] for side in (0, 1)),
            whole(_other_holdings(before, after)),
            strangers,
            *(one.numbers_of(people) for one in owners for people in (moved, *listed)),
        ]
    )
    people = _each([one.holders_of(numbers) for one in owners])
    every = _each([numbers, *(one.numbers_of(people) for one in owners)])
    all_there = _sums(settings, owners, every)
    # What turned is in the sums, too, and is not to stay.
    stayed = pd.concat([all_there, came.assign(orders=-came["orders"], paise=-came["paise"])])
    sides = {f"{name}_{side}": stayed[name] for side in (0, 1) for name in stayed}
    rows = pd.concat([pd.DataFrame(sides).assign(what=STAYED), _turned(turned.orders)], ignore_index=True)
    for side, (state, one) in enumerate(zip((before, after), owners, strict=True)):
        rows = rows.join(_as_of(state, one, rows, side))
    return Moves(rows, months, people, customers)


def differing_customers(before: State, after: State) -> pd.DataFrame:
    """Return the customers who are not what they were: their values before and after, null on no side."""
    columns = [*CUSTOMER_ROW, "delivery_id"]
    both = pd.concat([before.customers[list(CUSTOMER_ROW)], after.customers[list(CUSTOMER_ROW)]])
    ids = both.drop_duplicates(keep=False)["customer_id"].unique()
    sides = [
        one.customers[one.customers["customer_id"].isin(ids)][columns].astype({"delivery_id": "Int64"})
        for one in (before, after)
    ]
    return sides[0].merge(sides[1], on="customer_id", how="outer", suffixes=("_0", "_1"))


def _other_holdings(before: State, after: State) -> "pd.Series[str]":
    both = pd.concat([before.holdings[_HOLDING], after.holdings[_HOLDING]])
    return both.drop_duplicates(keep=False)["mobile_number"].drop_duplicates()


def _of_other_days(
    settings: Settings, before: State, after: State, came: pd.DataFrame
) -> tuple[pd.DataFrame, "pd.Series[int]"]:
    """Return orders that stayed, and count now or counted before alone: by month, and their numbers."""
    days = [one.as_of or FIRST_DAY for one in (before, after)]
    first, last = min(days), max(days)
    if first == last:
        return pd.DataFrame(columns=["month", "orders", "paise"]), pd.Series(dtype="int64")
    by_month, by_number = sales.of_days(settings, first, last)
    within = came[(came["day"] > pd.Timestamp(first)) & (came["day"] <= pd.Timestamp(last))]
    turned = within.groupby(within["day"].dt.strftime("%Y-%m"))[["orders", "paise"]].sum()
    months = by_month.assign(month=by_month["day"].dt.strftime("%Y-%m")).set_index("month")
    stayed = months[["orders", "paise"]].sub(turned, fill_value=0).astype("int64")
    sign = 1 if days[1] == last else -1
    orders = within.groupby("number")["orders"].sum()
    counts = by_number.set_index("number")["orders"].sub(orders, fill_value=0)
    months = (sign * stayed[(stayed != 0).any(axis=1)]).rename_axis("month").reset_index()
    return months, pd.Series(counts[counts != 0].index, dtype="int64")


def _sums(settings: Settings, owners: tuple[Owners, Owners], numbers: "pd.Series[int]") -> pd.DataFrame:
    edges = [day for one in owners for day in _edges(one.state)]
    by_day = pa.array(_each([pd.Series(one.changing.to_pandas(), dtype="int64") for one in owners]))
    return sales.of_numbers(settings, pa.array(numbers, pa.int64()), edges, by_day)


def _edges(state: State) -> Iterable[date]:
    if state.as_of:
        yield state.as_of
        yield window_start(state.as_of, state.parameters.window_days)


def _side(orders: pd.DataFrame, side: int) -> pd.DataFrame:
    """Return the turned orders that are there on a side: order_id, number, day, paise."""
    there = orders[orders[f"delivery_id_{side}"].notna()]
    return pd.DataFrame(
        {
            "order_id": there["order_id"],
            "number": whole(there[f"mobile_number_{side}"]),
            "day": there[f"order_date_{side}"],
            "paise": there[f"total_amount_paise_{side}"].astype("int64"),
        }
    )


def _is_amended(orders: pd.DataFrame) -> "pd.Series[bool]":
    """Say of which orders number and day are what they were."""
    same = orders["mobile_number_0"].eq(orders["mobile_number_1"])
    return same & orders["order_date_0"].eq(orders["order_date_1"])


def _less(orders: pd.DataFrame) -> pd.DataFrame:
    """Return what of the orders that are there did not stay: number, day, orders, paise."""
    there = _side(orders, 1)
    amended = _is_amended(orders).reindex(there.index)
    earlier = orders["total_amount_paise_0"].reindex(there.index).where(amended).fillna(0).astype("int64")
    rest = there.assign(orders=(~amended).astype("int64"), paise=there["paise"] - earlier)
    return rest.drop(columns="order_id")


def _turned(orders: pd.DataFrame) -> pd.DataFrame:
    found = orders[["order_id", "what", "delivery_id_0", "delivery_id_1"]]
    sums = ("orders", "paise", "number")
    for side in (0, 1):
        there = _side(orders, side).drop(columns="order_id").assign(orders=1)
        found = found.join(there.astype(dict.fromkeys(sums, "Int64")).add_suffix(f"_{side}"))
    none = {f"{name}_{side}": 0 for side in (0, 1) for name in sums}
    found = found.fillna(none).astype(dict.fromkeys(none, "int64"))
    found = found.assign(was=found["paise_0"], now=found["paise_1"])
    amended = _is_amended(orders)
    by = (found["paise_1"] - found["paise_0"]).where(amended, found["paise_1"])
    whole = {name: found[name].mask(amended, 0) for name in ("orders_0", "orders_1", "paise_0")}
    return found.assign(**whole, paise_1=by)


def _as_of(state: State, owners: Owners, rows: pd.DataFrame, side: int) -> pd.DataFrame:
    """Return whose the rows are, and what they count for, in a state."""
    day = rows[f"day_{side}"]
    found = owners.of(rows[f"number_{side}"], day.fillna(pd.Timestamp(FIRST_DAY)))
    as_of = state.as_of
    counts = day.le(pd.Timestamp(as_of)) if as_of else pd.Series(False, rows.index)
    start = pd.Timestamp(window_start(as_of, state.parameters.window_days)) if as_of else pd.Timestamp(0)
    return found.assign(counts=counts, recent=counts & day.gt(start)).add_suffix(f"_{side}")


def _each(series: Iterable["pd.Series[Any]"]) -> "pd.Series[Any]":
    return pd.concat(list(chain(series)), ignore_index=True).drop_duplicates(ignore_index=True)
