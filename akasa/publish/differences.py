"""What a backfill would change: published rows beside derived ones, by order and by month."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from akasa.validate.verdicts import Judged
from akasa.workspace.tables import KEYS, TABLES

MONTHLY = ["month", "added", "changed", "removed", "revenue_before", "revenue_after"]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Difference:
    """The ids that only derived rows have, that differ in a value, and that only published rows have."""

    added: "pd.Series[str]"
    changed: "pd.Series[str]"
    removed: "pd.Series[str]"

    @property
    def arriving(self) -> "pd.Series[str]":
        return pd.concat([self.added, self.changed])

    @property
    def leaving(self) -> "pd.Series[str]":
        return pd.concat([self.changed, self.removed])

    @property
    def all(self) -> "pd.Series[str]":
        return pd.concat([self.added, self.changed, self.removed])


@dataclass(frozen=True)
class Change:
    """What a backfill would do.

    `before` and `after` hold the rows as published and as derived now: of a range of days its orders and
    order_items, of everything all tables. `judged` are the deliveries, judged anew. Of a range, `mixed` makes
    of a delivery as it was and as it is judged now what it is judged to be afterwards, and `staying` lists
    the orders that would cross the border: order_id, stands_on, belongs_on.
    """

    before: Tables
    after: Tables
    judged: Sequence[Judged]
    mixed: Callable[[Judged, Judged], Judged] | None = None
    staying: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def orders(self) -> Difference:
        return between(self.before, self.after, "orders", "order_items")

    @cached_property
    def customers(self) -> Difference:
        """Of a range of days there is none."""
        return between(self.before, self.after, "customers")

    @cached_property
    def numbers(self) -> Difference:
        """Whose holdings differ. Of a range of days there are none."""
        return between(self.before, self.after, "holdings")


def between(before: Tables, after: Tables, table: str, *belonging: str) -> Difference:
    """Return in which rows of a table, or in what belongs to them, published and derived differ."""
    key = KEYS[table][0]
    if table not in before:
        return Difference(*[pd.Series(dtype="str")] * 3)
    old, new = before[table][key], after[table][key]
    found = [_differing(before[name], after[name], key, name) for name in (*belonging, table)]
    differing = pd.concat(found).drop_duplicates()
    changed = differing[differing.isin(old) & differing.isin(new)]
    return Difference(new[~new.isin(old)], changed, old[~old.isin(new)])


def monthly(change: Change) -> pd.DataFrame:
    """Return one row a month concerned: orders added, changed, removed; revenue (paise) before and after.

    An order that changes its month counts in the later of the two.
    """
    before, after, orders = change.before["orders"], change.after["orders"], change.orders
    month_of = pd.concat([before, after]).set_index("order_id")["order_date"].dt.strftime("%Y-%m")
    month_of = month_of.groupby(level=0).max()
    kinds = {"added": orders.added, "changed": orders.changed, "removed": orders.removed}
    columns = {kind: month_of[ids].value_counts() for kind, ids in kinds.items()}
    for name, rows in (("revenue_before", before), ("revenue_after", after)):
        columns[name] = rows.groupby(rows["order_date"].dt.strftime("%Y-%m"))["total_amount_paise"].sum()
    table = pd.DataFrame(columns).fillna(0).astype("int64").sort_index()
    return table.rename_axis("month").reset_index()[MONTHLY]


def _differing(before: pd.DataFrame, after: pd.DataFrame, key: str, table: str) -> "pd.Series[str]":
    """Return the keys of which a row stands in only one of the two frames."""
    columns = list(TABLES[table])
    # No merge: that fails where neither frame has a row.
    return pd.concat([before[columns], after[columns]]).drop_duplicates(keep=False)[key]
