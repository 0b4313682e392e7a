"""The four KPIs: ours in pandas and Dask beside DuckDB, Polars and plain pandas, from the same Parquet files.

DataFusion and chDB take part where they are installed (see `peers`).

Every contender opens the files, computes, and holds the four tables in its own form when the clock stops.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from deltalake import write_deltalake

from akasa.kpis import engines
from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, Kind
from akasa.publish import warehouse_merge
from akasa.stores import warehouse
from akasa.workspace.settings import Settings
from akasa.workspace.tables import FIRST_DAY
from bench import harness
from bench.harness import Clock

MONTHS = pd.period_range("2024-01", periods=24, freq="M")
AS_OF = date(2025, 12, 31)
HANDED_OVER = date(2025, 1, 15)
REGIONS = np.array(["North", "South", "East", "West", "Central"])
FIRST_MOBILE = 6_000_000_007
_AT_ONCE = 1_000_000  # rows; the answer itself may be all that fits in memory


def prepare(folder: Path, orders: int) -> None:
    """Write a warehouse of so many orders over 24 months, a tenth as many customers, in bounded memory.

    One order in a hundred has a number that nobody holds; one customer in a hundred took theirs over from
    another in the middle of these months.
    """
    settings = settings_of(folder)
    rng = np.random.default_rng(1)
    warehouse_merge.rebuild(settings, _tables(_customers(orders // 10, rng)), _ledger())
    edges = np.linspace(0, orders, len(MONTHS) + 1).astype(int)
    for month, first, last in zip(MONTHS, edges, edges[1:], strict=False):
        write_deltalake(
            str(settings.warehouse / "orders"),
            _orders(month, first, last, orders // 10, rng),
            mode="append",
            partition_by=["order_month"],
        )


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race` on a prepared folder."""
    contenders = {
        "akasa pandas": akasa_pandas,
        "DuckDB": duckdb,
        "DuckDB, each query by itself": duckdb_by_itself,
        "Polars": polars,
        "plain pandas": plain_pandas,
        "akasa Dask, threads": akasa_dask,
        "akasa Dask, 2 workers of 1.5 GB": akasa_dask_on_workers,
    }
    from bench import peers

    orders = warehouse.dataset("orders", settings_of(folder)).count_rows()
    return harness.race(contenders | peers.installed(), (folder,), runs, orders)


def akasa_pandas(clock: Clock, folder: Path) -> dict[str, str]:
    return _ours(clock, "pandas", settings_of(folder))


def akasa_dask(clock: Clock, folder: Path) -> dict[str, str]:
    return _ours(clock, "dask", settings_of(folder))


def akasa_dask_on_workers(clock: Clock, folder: Path) -> dict[str, str]:
    import tempfile

    from lib import clusters

    with tempfile.TemporaryDirectory() as logs, clusters.cluster(Path(logs)) as servers:
        settings = settings_of(folder).model_copy(update={"dask_scheduler_address": servers.address})
        return _ours(clock, "dask", settings)


def _ours(clock: Clock, engine: str, settings: Settings) -> dict[str, str]:
    __import__(f"akasa.kpis.{engine}")
    with clock:
        found = engines.compute(settings, engine, AS_OF)[engine]
    return {kpi: digest(kpi, pa.Table.from_pandas(frame)) for kpi, frame in found.items()}


def duckdb(clock: Clock, folder: Path) -> dict[str, str]:
    return ask_duckdb(clock, folder)


def duckdb_by_itself(clock: Clock, folder: Path) -> dict[str, str]:
    return ask_duckdb(clock, folder, _DUCKDB_SHARED.replace("temp table", "temp view"))


def ask_duckdb(clock: Clock, folder: Path, shared: str = "", **config: str) -> dict[str, str]:
    """Ask DuckDB, set up so; `shared` makes what two KPIs share, by default as a table."""
    import duckdb

    files = _files(folder)
    with clock:
        connection = duckdb.connect(config=config)
        connection.execute("set enable_progress_bar = false")
        for name, paths in files.items():
            connection.sql(f"create view {name} as from read_parquet({paths}, hive_partitioning = false)")
        connection.execute((shared or _DUCKDB_SHARED).format(as_of=AS_OF))
        found = {
            kpi: connection.sql(text.format(as_of=AS_OF, days=WINDOW_DAYS, top_n=TOP_N)).to_arrow_table()
            for kpi, text in _DUCKDB.items()
        }
    return {kpi: digest(kpi, table) for kpi, table in found.items()}


_DUCKDB_SHARED = """
create temp table changed as
select * from holdings
where mobile_number in (select mobile_number from holdings where until_day is not null);
create temp table sales as
with numbers as (
    select orders.mobile_number, changed.customer_id, count(*) as order_count,
        sum(total_amount_paise)::bigint as paise
    from orders left join changed on changed.mobile_number = orders.mobile_number
        and order_date >= from_day and (until_day is null or order_date < until_day)
    where order_date <= date '{as_of}' group by all
)
select coalesce(numbers.customer_id, present.customer_id) as customer_id,
    if(present.customer_id is null, mobile_number, null) as stranger,
    sum(order_count)::bigint as order_count, sum(paise)::bigint as paise
from numbers left join (from holdings where until_day is null) as present using (mobile_number) group by all
"""
_DUCKDB = {
    "repeat_customers": """
select customer_id, customer_name, mobile_number, region, order_count
from sales join customers using (customer_id)
where order_count > 1 order by order_count desc, customer_id
""",
    "monthly_trends": """
select year(order_date) as year, month(order_date) as month,
    count(*) as order_count, sum(total_amount_paise)::bigint as total_revenue
from orders where order_date <= date '{as_of}' group by all order by year, month
""",
    "regional_revenue": """
select coalesce(region, 'Unmatched') as region, count(*) as customer_count,
    sum(sales.order_count)::bigint as order_count, sum(paise)::bigint as total_revenue,
    (2 * sum(paise) + sum(sales.order_count)) // (2 * sum(sales.order_count)) as avg_order_value
from sales left join customers using (customer_id) group by 1 order by total_revenue desc, region
""",
    "top_spenders": """
with numbers as (
    select orders.mobile_number, changed.customer_id, count(*) as order_count,
        sum(total_amount_paise) as spent, max(order_date) as last_day
    from orders left join changed on changed.mobile_number = orders.mobile_number
        and order_date >= from_day and (until_day is null or order_date < until_day)
    where order_date > date '{as_of}' - {days} and order_date <= date '{as_of}' group by all
), recent as (
    select coalesce(numbers.customer_id, present.customer_id) as customer_id,
        sum(order_count)::bigint as order_count, sum(spent)::bigint as total_spent,
        max(last_day) as last_order_date
    from numbers join (from holdings where until_day is null) as present using (mobile_number) group by 1
)
select *, (2 * total_spent + order_count) // (2 * order_count) as avg_order_value
from recent join customers using (customer_id) order by total_spent desc, customer_id limit {top_n}
""",
}


def polars(clock: Clock, folder: Path) -> dict[str, str]:
    import polars as pl

    files = _files(folder)
    count, paise, day = pl.len().cast(pl.Int64), pl.col("total_amount_paise").sum(), pl.col("order_date")
    with clock:
        orders = pl.scan_parquet(files["orders"], hive_partitioning=False).filter(day <= AS_OF)
        customers = pl.scan_parquet(files["customers"]).drop("delivery_id")
        holdings = pl.scan_parquet(files["holdings"]).drop("position")
        taken = holdings.filter(pl.col("until_day").is_not_null()).select("mobile_number").unique()
        changed = holdings.join(taken, on="mobile_number", how="semi").sort("from_day")
        present = holdings.filter(pl.col("until_day").is_null()).select("mobile_number", "customer_id")

        def owned(some: pl.LazyFrame, **sums: pl.Expr) -> pl.LazyFrame:
            others = some.join(taken, on="mobile_number", how="anti").group_by("mobile_number").agg(**sums)
            by_day = some.join(taken, on="mobile_number", how="semi").sort("order_date")
            held = by_day.join_asof(
                changed,
                left_on="order_date",
                right_on="from_day",
                by="mobile_number",
                check_sortedness=False,
            )
            columns = ["customer_id", "mobile_number", *sums]
            whose = [
                others.join(present, on="mobile_number", how="left").select(columns),
                held.group_by("customer_id", "mobile_number").agg(**sums).select(columns),
            ]
            stranger = pl.when(pl.col("customer_id").is_null()).then(pl.col("mobile_number"))
            again = {
                name: pl.col(name).max() if name.startswith("last") else pl.col(name).sum() for name in sums
            }
            return pl.concat(whose).group_by("customer_id", stranger.alias("stranger")).agg(**again)

        sales = owned(orders, order_count=count, total_revenue=paise)
        recent = owned(
            orders.filter(day > AS_OF - timedelta(days=WINDOW_DAYS)),
            order_count=count,
            total_spent=paise,
            last_order_date=day.max(),
        )
        found = pl.collect_all(
            [
                sales.filter(pl.col("order_count") > 1)
                .join(customers, on="customer_id")
                .sort("order_count", "customer_id", descending=[True, False]),
                orders.group_by(year=day.dt.year(), month=day.dt.month())
                .agg(order_count=count, total_revenue=paise)
                .sort("year", "month"),
                sales.join(customers, on="customer_id", how="left")
                .group_by(pl.col("region").fill_null("Unmatched"))
                .agg(count.alias("customer_count"), pl.col("order_count", "total_revenue").sum())
                .with_columns(avg_order_value=_half_up("total_revenue"))
                .sort("total_revenue", "region", descending=[True, False]),
                recent.join(customers, on="customer_id")
                .with_columns(avg_order_value=_half_up("total_spent"))
                .sort("total_spent", "customer_id", descending=[True, False])
                .head(TOP_N),
            ]
        )
    return {kpi: digest(kpi, frame.to_arrow()) for kpi, frame in zip(DEFINITIONS, found, strict=True)}


def _half_up(total: str) -> Any:
    import polars as pl

    return (2 * pl.col(total) + pl.col("order_count")) // (2 * pl.col("order_count"))


def plain_pandas(clock: Clock, folder: Path) -> dict[str, str]:
    files = _files(folder)
    columns = ["mobile_number", "order_date", "total_amount_paise"]
    sums = {"order_count": ("total_amount_paise", "size"), "total_revenue": ("total_amount_paise", "sum")}
    with clock:
        orders = pd.read_parquet(files["orders"], columns=columns, partitioning=None)
        orders["order_date"] = pd.to_datetime(orders["order_date"])
        orders = orders[orders["order_date"] <= pd.Timestamp(AS_OF)]
        customers = pd.read_parquet(files["customers"], partitioning=None)
        holdings = pd.read_parquet(files["holdings"], partitioning=None)
        days = ["from_day", "until_day"]
        holdings[days] = holdings[days].astype(orders["order_date"].dtype)
        taken = holdings["mobile_number"].isin(holdings["mobile_number"][holdings["until_day"].notna()])
        changed, alone = holdings[taken].sort_values("from_day"), holdings[~taken]
        contested = orders["mobile_number"].isin(changed["mobile_number"])
        by_day = orders[contested].sort_values("order_date")
        held = pd.merge_asof(by_day, changed, left_on="order_date", right_on="from_day", by="mobile_number")
        others = orders[~contested].merge(alone, on="mobile_number", how="left")
        columns = [*columns, "customer_id"]
        orders = pd.concat([others[columns], held[columns]])
        owned = orders.groupby("customer_id", as_index=False).agg(**sums)
        strangers = orders[orders["customer_id"].isna()].groupby("mobile_number", as_index=False).agg(**sums)
        repeated = customers.merge(owned[owned["order_count"] > 1], on="customer_id")
        day = orders["order_date"].dt
        months = orders.groupby([day.year.rename("year"), day.month.rename("month")]).agg(**sums)
        known = owned.merge(customers, on="customer_id")
        regions = pd.concat([known, strangers.assign(region="Unmatched")])
        regions = regions.groupby("region", as_index=False).agg(
            customer_count=("order_count", "size"),
            order_count=("order_count", "sum"),
            total_revenue=("total_revenue", "sum"),
        )
        recent = orders[orders["order_date"] > pd.Timestamp(AS_OF) - pd.Timedelta(days=WINDOW_DAYS)]
        last = {"last_order_date": ("order_date", "max")}
        spent = recent.groupby("customer_id", as_index=False).agg(**sums, **last)
        spent = customers.merge(spent.rename(columns={"total_revenue": "total_spent"}), on="customer_id")
        found = {
            "repeat_customers": repeated.sort_values(["order_count", "customer_id"], ascending=[False, True]),
            "monthly_trends": months.reset_index(),
            "regional_revenue": _with_average(regions, "total_revenue").sort_values(
                ["total_revenue", "region"], ascending=[False, True]
            ),
            "top_spenders": _with_average(spent, "total_spent")
            .sort_values(["total_spent", "customer_id"], ascending=[False, True])
            .head(TOP_N),
        }
    return {kpi: digest(kpi, pa.Table.from_pandas(frame)) for kpi, frame in found.items()}


def _with_average(frame: pd.DataFrame, total: str) -> pd.DataFrame:
    count = frame["order_count"]
    return frame.assign(avg_order_value=(2 * frame[total] + count) // (2 * count))


def _files(folder: Path) -> dict[str, list[str]]:
    tables = ("orders", "customers", "holdings")
    return {table: warehouse.files(table, settings_of(folder)) for table in tables}


_TYPES: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "count": pa.int64(),
    "paise": pa.int64(),
    "date": pa.date32(),
}


def digest(kpi: str, found: pa.Table) -> str:
    """Return the number of rows and a hash of all values in their order, the same for every contender."""
    columns = DEFINITIONS[kpi].columns
    shape = pa.schema({column: _TYPES[kind] for column, kind in columns.items()})
    told = hashlib.sha256()
    for first in range(0, found.num_rows, _AT_ONCE):
        sink = pa.BufferOutputStream()
        rows = found.slice(first, _AT_ONCE).select(list(columns)).cast(shape)
        pyarrow.csv.write_csv(rows, sink, pyarrow.csv.WriteOptions(include_header=False))
        told.update(sink.getvalue())
    return f"{found.num_rows} rows, {told.hexdigest()[:12]}"


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder, output_dir=folder / "outputs")


def _mobiles(person: np.ndarray) -> pa.Array:
    """Return a number for each person, of all of the ten-digit ones, in no order."""
    return pa.array(FIRST_MOBILE + person * 2_654_435_761 % 3_999_999_979).cast(pa.string())


def _customers(number: int, rng: np.random.Generator) -> pd.DataFrame:
    person = np.arange(number)
    later = person % 100 == 1
    return pd.DataFrame(
        {
            "customer_id": [f"CUST-{n:08d}" for n in rng.permutation(number)],
            "customer_name": [f"Name {n}" for n in person % 5_000],
            "mobile_number": _mobiles(person - later).to_pandas(),
            "region": REGIONS[rng.integers(0, len(REGIONS), number)],
            "delivery_id": np.where(later, 2, 1),
        }
    )


def _holdings(customers: pd.DataFrame) -> pd.DataFrame:
    """Return each customer's own number; that of the one before, from HANDED_OVER on, for some."""
    took = (customers["delivery_id"] == 2).to_numpy()
    begins = np.where(took, np.datetime64(HANDED_OVER, "s"), np.datetime64(FIRST_DAY, "s"))
    ends = np.where(np.append(took[1:], False), np.datetime64(HANDED_OVER, "s"), np.datetime64("NaT", "s"))
    columns = {"from_day": begins, "until_day": ends, "position": "0\t1"}
    return customers[["mobile_number", "customer_id"]].assign(**columns)


def _orders(month: pd.Period, first: int, last: int, customers: int, rng: np.random.Generator) -> pa.Table:
    number = last - first
    day = month.start_time.to_datetime64().astype("datetime64[D]") + rng.integers(
        0, month.days_in_month, number
    )
    person = rng.integers(0, customers, number)
    strange = rng.random(number) < 0.01
    columns = {
        "order_id": [f"ORD-{n:010d}" for n in range(first, last)],
        "mobile_number": _mobiles(np.where(strange, person + customers, person)),
        "order_date_time": pa.array(
            day.astype("datetime64[us]") + rng.integers(0, 86_400, number) * 1_000_000
        ),
        "order_date": pa.array(day),
        "total_amount_paise": rng.integers(0, 10_000_000, number),
        "delivery_id": np.ones(number, "int64"),
        "order_month": pa.array([str(month)] * number, pa.string()),
    }
    return pa.table(columns).cast(warehouse.SCHEMAS["orders"])


def _tables(customers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    empty = {name: warehouse.SCHEMAS[name].empty_table() for name in ("orders", "order_items")}
    return {
        "customers": customers,
        "holdings": _holdings(customers),
        **{name: table.to_pandas(date_as_object=False) for name, table in empty.items()},
    }


def _ledger() -> pd.DataFrame:
    ledger = pd.DataFrame({"delivery_id": [1, 2], "position": ["0\t1", "0\t2"]})
    return ledger.reindex(columns=warehouse.SCHEMAS["deliveries"].names, fill_value="")
