"""The four KPIs in Dask, straight from the warehouse's Parquet files: on a cluster, or in threads.

Workers read the files, and add up by day and by mobile number, or by holding where a number changed hands.
What comes back is joined with the customers here. Sums of money travel in two halves, of 32 bits and the
rest, that cannot overflow; they are put together at the very end.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.dataset import Dataset
from pyarrow.fs import FileSystem

from akasa.kpis import on_worker
from akasa.kpis.definitions import (
    CUSTOMER,
    TOP_N,
    WINDOW_DAYS,
    average_paise,
    canonical,
    row_order,
    window_start,
)
from akasa.kpis.shared import once
from akasa.stores import warehouse
from akasa.workspace import cluster, storage
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY

_LEAST_PARTS, _MOST_PARTS = 16, 1_000  # by key: the sums of one part are to fit a processor's cache
_PIECES = 8  # and more where these would hold too many files
_TOGETHER = 16  # files of a piece, of 262,144 rows at most (see publish.warehouse_files)
_MONTH = re.compile(r"order_month=(\d{4}-\d\d)/[^/]+$")  # the file's own folder, not one further up
_SUMS = ["order_count", "high", "low"]
_NO_ORDERS = pa.schema({"mobile": pa.int64(), "order_date": pa.date32(), "paise": pa.int64()}).empty_table()


class Orders(NamedTuple):
    """The Parquet files of the orders, and the file system that they lie in (None: this machine's)."""

    files: tuple[str, ...]
    file_system: FileSystem | None


class Sales(NamedTuple):
    """Sums of orders: order_count, high, low; in a window of days last_order_date, too.

    by_owner: by the owner's place in customers; unowned: by number, of numbers that nobody holds; by_day: a
    row for each piece with orders of the day.
    """

    by_owner: pd.DataFrame
    unowned: pd.DataFrame
    by_day: pd.DataFrame


class Tables:
    """What the KPIs are computed from, and what they share.

    changed: numbers that changed hands, with from_day and a key for each holding, below zero; other numbers
    are keys themselves. scheduler: the address of a Dask cluster, or None. sales: as_of → Sales up to that
    day, computed once.
    """

    def __init__(
        self, orders: Orders, customers: Dataset, holdings: Dataset, scheduler: str | None = None
    ) -> None:
        """Take orders of `read_orders`, customers and holdings as the warehouse gives them."""
        self.orders, self.scheduler, self._customers = orders, scheduler, customers
        held = holdings.to_table(["mobile_number", "customer_id", "from_day"])
        keys = held["mobile_number"].cast(pa.int64()).to_numpy().copy()
        later = pc.greater(held["from_day"], pa.scalar(FIRST_DAY, pa.date32()))  # than the first holder's
        changes = np.flatnonzero(pc.is_in(pa.array(keys), pa.array(np.unique(keys[later.to_numpy()]))))
        days = held["from_day"].take(pa.array(changes)).to_pandas(date_as_object=False).astype(on_worker.DAY)
        changed = pd.DataFrame({"mobile": keys[changes], "from_day": days, "key": -1 - changes})
        self.changed = changed.sort_values("from_day")
        keys[changes] = -1 - changes
        self._keys, self._holders = keys, held["customer_id"]
        self.sales: Callable[[date | None], Sales] = once(partial(_sales, self))

    @cached_property
    def customers(self) -> pa.Table:
        """Who the customers are: what KPIs tell of them."""
        return self._customers.to_table([*CUSTOMER]).combine_chunks()

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """The owner's place in customers, by key."""
        places: NDArray[np.int32] = pc.index_in(
            self._holders, value_set=self.customers["customer_id"]
        ).to_numpy()
        return places

    def owners(self, parts: int) -> "list[pd.Series[int]]":
        """Return the owner's place in customers, by key, in so many parts by key."""
        part = self._keys % parts
        among = [np.flatnonzero(part == one) for one in range(parts)]
        return [pd.Series(self.places[rows], self._keys[rows]) for rows in among]


def source(settings: Settings) -> Tables:
    """Return the warehouse's orders, still to be read, its customers and holdings."""
    orders = read_orders(warehouse.files("orders", settings), storage.warehouse(settings).options)
    customers, holdings = (warehouse.dataset(table, settings) for table in ("customers", "holdings"))
    return Tables(orders, customers, holdings, settings.dask_scheduler_address)


def read_orders(files: Sequence[str], storage_options: Mapping[str, str] | None = None) -> Orders:
    """Return orders to be read from Parquet files with mobile_number, order_date, total_amount_paise.

    Files are paths that every worker can read, or all `s3://` addresses, as `DeltaTable.file_uris` gives
    these. `storage_options` are those of deltalake: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
    AWS_ENDPOINT_URL; without a key, each worker uses its own.
    """
    if not any(file.startswith("s3://") for file in files):
        return Orders(tuple(files), None)
    return Orders(tuple(file.removeprefix("s3://") for file in files), storage.s3(storage_options or {}))


def repeat_customers(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    sums = tables.sales(as_of).by_owner[["order_count"]].query("order_count > 1")
    return canonical("repeat_customers", _with_customers("repeat_customers", sums, tables))


def monthly_trends(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    days = tables.sales(as_of).by_day
    months = days.groupby([days.index.year, days.index.month])[_SUMS].sum().rename_axis(["year", "month"])
    return canonical("monthly_trends", months.assign(total_revenue=whole(months)).reset_index())


def regional_revenue(tables: Tables, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`."""
    sales = tables.sales(as_of)
    regions = tables.customers["region"].dictionary_encode().to_pandas().take(sales.by_owner.index)
    of = ((sales.by_owner, regions), (sales.unowned, pd.Series("", sales.unowned.index)))
    known, unknown = (
        sums.assign(customer_count=1).groupby(by, observed=True)[["customer_count", *_SUMS]].sum()
        for sums, by in of
    )
    found = pd.concat(
        [known.reset_index(names="region").astype({"region": object}), unknown.assign(region=None)]
    )
    found = found.assign(total_revenue=whole(found))
    average = average_paise(found["total_revenue"], found["order_count"])
    return canonical("regional_revenue", found.assign(avg_order_value=average))


def top_spenders(
    tables: Tables, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    after = window_start(as_of, window_days) if as_of else None
    recent = _sales(tables, as_of, after).by_owner
    recent = recent.assign(total_spent=whole(recent))
    least = recent["total_spent"].sort_values().tail(top_n).min()
    most = _with_customers("top_spenders", recent[recent["total_spent"] >= least], tables)
    average = average_paise(most["total_spent"], most["order_count"])
    return canonical("top_spenders", most.assign(avg_order_value=average)).head(top_n)


def _with_customers(kpi: str, sums: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Return the sums of customers, whose places are the index, with who they are, in the KPI's order.

    Texts are taken when the order is known: once, and only of those who are told.
    """
    ids = tables.customers["customer_id"].take(pa.array(sums.index))
    order = row_order(kpi, sums.assign(customer_id=ids.to_pandas().array))
    sums = sums if order is None else sums.take(order)
    known = tables.customers.take(pa.array(sums.index)).to_pandas()
    return known.join(sums.reset_index(drop=True))


def _places(sums: pa.Table, owners: "pd.Series[int]") -> NDArray[np.int32]:
    """Return the owner's place of each sum of one part by key; -1 where nobody holds the number."""
    places: NDArray[np.int32] = owners.reindex(sums["mobile"].to_numpy(), fill_value=-1).to_numpy()
    return places


def _by_owner(
    sums: pd.DataFrame, places: Sequence[NDArray[np.int32]], everybody: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sums by the owner's place among everybody, and those of the numbers that nobody holds."""
    place = np.concatenate(places)
    owned, bought = place >= 0, np.zeros(everybody, bool)
    owners = place[owned]
    bought[owners] = True
    found = {}
    for column in sums:
        add, none = (np.maximum, FIRST_DAY) if column == "last_order_date" else (np.add, 0)
        of_all = np.full(everybody, none, sums[column].dtype)
        add.at(of_all, owners, sums[column].to_numpy()[owned])
        found[column] = of_all[bought]
    return pd.DataFrame(found, np.flatnonzero(bought)), sums[~owned]


def _sales(tables: Tables, as_of: date | None, after: date | None = None) -> Sales:
    """Return the sums of the orders after `after` up to `as_of`, with last_order_date where `after` is given.

    Each piece, of some files, is split by key, so that a worker holds one part of all pieces at a time.
    """
    pieces = in_pieces([file for file in tables.orders.files if _may_hold(file, as_of, after)])
    if not pieces:
        by_key, by_day = (_by(key, on_worker.add_up([_NO_ORDERS], key)) for key in ("mobile", "order_date"))
        return Sales(*_by_owner(by_key, [np.empty(0, "int32")], 0), by_day)
    parts, place = min(max(_LEAST_PARTS, len(pieces) // 2), _MOST_PARTS), tables.orders.file_system
    split = [
        cluster.task(on_worker.split, files, place, tables.changed, as_of, after, parts) for files in pieces
    ]
    by_key = [cluster.task(on_worker.add_up, [one[part] for one in split], "mobile") for part in range(parts)]
    with ThreadPoolExecutor() as pool:
        owners = pool.submit(tables.owners, parts)  # while orders are added up
        found = cluster.compute([*by_key, *(one[parts] for one in split)], tables.scheduler)
        places = list(pool.map(_places, found[:parts], owners.result()))
    by_owner = _by_owner(_by("mobile", *found[:parts]), places, len(tables.customers))
    return Sales(*by_owner, _by("order_date", *found[parts:]))


def in_pieces(files: Sequence[str]) -> list[Sequence[str]]:
    """Return the files that each task reads: for they may be many and small, and each task costs time."""
    together = min(-(-len(files) // _PIECES), _TOGETHER)
    return [files[at : at + together] for at in range(0, len(files), together or 1)]


def _may_hold(file: str, as_of: date | None, after: date | None) -> bool:
    """Say whether a file can have orders of the days: the warehouse's lie in folders of months."""
    month = _MONTH.search(file)
    return bool(as_of) and (not month or str(after or date.min)[:7] <= month[1] <= str(as_of)[:7])


def _by(key: str, *sums: pa.Table) -> pd.DataFrame:
    return pa.concat_tables(sums).to_pandas(date_as_object=False).set_index(key)


def whole(sums: pd.DataFrame) -> "pd.Series[int]":
    """Return the money that two halves are, as whole numbers of Python where 64 bits can't hold one."""
    fits = (sums["high"] + sums["low"] // 2**32 < 2**31).all()
    halves = sums[["high", "low"]] if fits else sums[["high", "low"]].astype(object)
    return halves["high"] * 2**32 + halves["low"]
