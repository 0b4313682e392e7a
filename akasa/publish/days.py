"""Derive a range of days anew and leave all others as they are: which orders, which records.

An order is derived anew in all deliveries that bring it, or in none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import pandas as pd
from sqlalchemy import select

from akasa.publish import versions
from akasa.publish.differences import Change, Tables
from akasa.stores import database
from akasa.stores.models import ORDER_ITEMS, ORDERS
from akasa.validate import cleaning
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged, same
from akasa.workspace.settings import Settings


class OtherRecords(ValueError):
    """Today's reader makes other records of a delivery, which cannot be matched with those of before."""


@dataclass(frozen=True)
class Days:
    """The days `first` to `last`, both included."""

    first: date
    last: date

    def holds(self, days: "pd.Series[pd.Timestamp]") -> "pd.Series[bool]":
        return days.between(pd.Timestamp(self.first), pd.Timestamp(self.last))


def derived_on(settings: Settings, days: Days, derived: Tables, judged: Sequence[Judged]) -> Change:
    """Return what would change where only the orders of some days are taken as they are `derived` now."""
    before = _published(settings, days)
    staying = _crossing_the_border(settings, days, before, derived)
    belongs = _days(derived["orders"])
    entering = belongs[days.holds(belongs)].index.difference(staying["order_id"])
    parts = {name: (_of(derived[name], entering), _of(before[name], staying["order_id"])) for name in before}
    after = {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}
    anew = before["orders"]["order_id"]
    anew = entering.union(anew[~anew.isin(staying["order_id"])])
    return Change(before, after, judged, partial(_mixed, settings, days, anew), staying)


def _published(settings: Settings, days: Days) -> dict[str, pd.DataFrame]:
    """Return the orders and order_items that are published on the days."""
    within = ORDERS.c.order_date.between(days.first, days.last)
    of_them = ORDER_ITEMS.c.order_id.in_(select(ORDERS.c.order_id).where(within))
    return {
        "orders": versions.typed("orders", database.rows(settings, "orders", within)),
        "order_items": versions.typed("order_items", database.rows(settings, "order_items", of_them)),
    }


def _crossing_the_border(settings: Settings, days: Days, before: Tables, derived: Tables) -> pd.DataFrame:
    """Return the orders that stand on one of the days and belong on none of them now, or the other way round.

    Columns: order_id, stands_on, belongs_on.
    """
    stands_inside = _days(before["orders"])
    belongs = _days(derived["orders"])
    inside = days.holds(belongs)
    leaving = stands_inside[stands_inside.index.isin(belongs[~inside].index)]
    entering = _published_days(settings, belongs[inside].index.difference(stands_inside.index))
    crossing = pd.concat([entering, leaving]).rename("stands_on").rename_axis("order_id").reset_index()
    crossing["belongs_on"] = belongs.reindex(crossing["order_id"]).to_numpy()
    return crossing.sort_values("order_id", ignore_index=True)


def _mixed(settings: Settings, days: Days, anew: "pd.Index[str]", then: Judged, now: Judged) -> Judged:
    """Return a delivery as it is judged where only some orders are judged `anew`.

    A record whose order was accepted neither then nor now goes by its own day.
    Raises OtherRecords where today's reader makes more records of it, or fewer.
    """
    if then.records.count != now.records.count:
        raise OtherRecords(
            f"{now.delivery.name}: {then.records.count:,} records were published, and {now.records.count:,} "
            "are read now; backfill without START and END derives all"
        )
    known = pd.concat([then.records.accepted["order_id"], now.records.accepted["order_id"]])

    def concerned(records: pd.DataFrame) -> "pd.Series[bool]":
        clean = cleaning.clean_orders(records, settings.source_timezone, settings.business_timezone)
        by_day = days.holds(clean["order_date"]) & ~clean["order_id"].isin(known)
        return (by_day | clean["order_id"].isin(anew)).set_axis(records.index)

    old, new = then.records, now.records
    stays, comes = ~old.accepted["order_id"].isin(anew), new.accepted["order_id"].isin(anew)
    accepted = pd.concat([old.accepted[stays], new.accepted[comes]], ignore_index=True)
    rejected = pd.concat([old.rejected[~concerned(old.rejected)], new.rejected[concerned(new.rejected)]])
    parted = Parted(
        accepted.astype(new.accepted.dtypes.to_dict()),
        rejected.sort_values("record", ignore_index=True),
        repeats=new.count - len(accepted) - len(rejected),
        warnings=new.warnings,
    )
    by_now = same(parted, new)
    return Judged(
        now.delivery, new if by_now else parted, now.rules_version if by_now else then.rules_version
    )


def _days(orders: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return order_id → order_date."""
    return orders.set_index("order_id")["order_date"]


def _published_days(settings: Settings, ids: "pd.Index[str]") -> "pd.Series[pd.Timestamp]":
    """Return order_id → order_date of those of the orders that are published, on whatever day."""
    return _days(versions.typed("orders", database.rows_of(settings, ORDERS.c.order_id, ids.tolist())))


def _of(rows: pd.DataFrame, ids: "pd.Series[str] | pd.Index[str]") -> pd.DataFrame:
    return rows[rows["order_id"].isin(ids)]
