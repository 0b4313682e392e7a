"""What the report asks of all orders: read from the warehouse, some columns of some rows at a time."""

from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.kpis.sales import NUMBER, Holdings, add_up
from akasa.stores import warehouse
from akasa.workspace.settings import Settings

Buyers = tuple[int, int]


def loose(settings: Settings) -> pc.Expression:
    """Choose the orders whose number no customer holds."""
    held = warehouse.select(settings, "holdings", ["mobile_number"])["mobile_number"]
    return ~NUMBER.isin(pc.unique(held.cast(pa.int64())))


def largest(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return the largest order up to a day, if there is one: order_id, order_date (text), total_amount_paise.

    Of those that are as large, it is the one with the first id.
    """
    counted, total = warehouse.up_to(as_of), "total_amount_paise"
    read = warehouse.batches(settings, "orders", [total], counted)
    most = max((pc.max(some[total]).as_py() for some in read if len(some)), default=0)
    columns = ["order_id", "order_date", total]
    found = warehouse.select(settings, "orders", columns, counted & (pc.field(total) == most))
    first = found.sort_by("order_id").slice(0, 1)
    return first.set_column(1, "order_date", first["order_date"].cast(pa.string())).to_pandas()


def came_back(settings: Settings, then: date, before: date) -> tuple[Buyers, Buyers]:
    """Return how many customers came back and how many ordered, up to a day and up to one before it."""
    orders, customers, holdings = (
        warehouse.dataset(table, settings) for table in ("orders", "customers", "holdings")
    )
    held = Holdings(holdings, customers)
    early = add_up(orders, held, before).by_owner["order_count"]
    since = add_up(orders, held, then, before).by_owner["order_count"]
    return _buyers(early.add(since, fill_value=0)), _buyers(early)


def _buyers(order_count: "pd.Series[int]") -> Buyers:
    return int((order_count > 1).sum()), len(order_count)
