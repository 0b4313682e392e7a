"""The four KPIs by SQL on SQLite: ours, the same without their index, and hand-written on the bare file."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.kpis import definitions, engines, sql
from akasa.kpis.definitions import TOP_N, WINDOW_DAYS
from akasa.publish import database_load
from akasa.stores import migrate, warehouse
from bench import harness, kpis
from bench.harness import Clock

_LOADED = ("customers", "holdings", "orders")


def prepare(folder: Path) -> None:
    """Fill SQLite with what the warehouse of `kpis.prepare` holds."""
    settings = kpis.settings_of(folder)
    migrate.upgrade(settings)
    with closing(sqlite3.connect(settings.sqlite)) as opened:
        for name in _LOADED:
            columns = [column for column in warehouse.SCHEMAS[name].names if column != "order_month"]
            marks = ", ".join("?" for _ in columns)
            for batch in warehouse.dataset(name, settings).to_batches(columns=columns):
                rows = database_load.to_arrow(batch.to_pandas(date_as_object=False))
                values = zip(*(column.to_pylist() for column in rows.columns), strict=True)
                opened.executemany(f"insert into {name} ({', '.join(columns)}) values ({marks})", values)
        opened.commit()


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race` on a prepared folder."""
    contenders = {
        "hand-written SQL, sqlite3": hand_written,
        "akasa SQL": ours,
        "akasa SQL, without the index": without_the_index,
    }
    orders = warehouse.count("orders", kpis.settings_of(folder))
    return harness.race(contenders, (folder,), runs, orders)


def ours(clock: Clock, folder: Path) -> dict[str, str]:
    return _ours(clock, folder)


def without_the_index(clock: Clock, folder: Path) -> dict[str, str]:
    said = sql.statement
    sql.statement = lambda kpi: said(kpi).replace("from orders\n", "from orders not indexed\n")
    return _ours(clock, folder)


def _ours(clock: Clock, folder: Path) -> dict[str, str]:
    settings = kpis.settings_of(folder)
    with clock:
        found = engines.compute(settings, "sql", kpis.AS_OF)["sql"]
    return {kpi: kpis.digest(kpi, pa.Table.from_pandas(frame)) for kpi, frame in found.items()}


def hand_written(clock: Clock, folder: Path) -> dict[str, str]:
    """Ask the same without help: sums of each number once in a temporary table, no statement by akasa."""
    start = kpis.AS_OF - timedelta(days=WINDOW_DAYS)
    values = {"as_of": str(kpis.AS_OF), "after": str(start), "top_n": TOP_N}
    with closing(sqlite3.connect(kpis.settings_of(folder).sqlite)) as opened, clock:
        opened.execute("pragma cache_size = -262144")
        for statement in (_CHANGED, _SALES):
            opened.execute(statement, values)
        read = partial(pd.read_sql_query, con=opened, params=values)
        found = {kpi: definitions.canonical(kpi, read(text)) for kpi, text in _QUERIES.items()}
    return {kpi: kpis.digest(kpi, pa.Table.from_pandas(frame)) for kpi, frame in found.items()}


_CHANGED = """
create temp table changed as select mobile_number, customer_id, from_day, until_day from holdings
where mobile_number in (select mobile_number from holdings where until_day is not null)
"""
_OWNED = """
select coalesce(numbers.customer_id, present.customer_id) as customer_id,
    case when present.customer_id is null then numbers.mobile_number end as stranger,
    sum(order_count) as order_count, sum(paise) as paise, max(last_day) as last_day
from (
    select orders.mobile_number, changed.customer_id, count(*) as order_count,
        sum(total_amount_paise) as paise, max(order_date) as last_day
    from orders left join changed on changed.mobile_number = orders.mobile_number
        and order_date >= from_day and (until_day is null or order_date < until_day)
    where order_date <= :as_of {after} group by 1, 2
) as numbers
left join holdings as present on present.mobile_number = numbers.mobile_number
    and present.until_day is null
group by 1, 2
"""
_SALES = f"create temp table sales as {_OWNED.format(after='')}"
_QUERIES = {
    "repeat_customers": """
select customers.customer_id, customer_name, mobile_number, region, order_count
from sales join customers on customers.customer_id = sales.customer_id
where order_count > 1 order by order_count desc, customers.customer_id
""",
    "monthly_trends": """
select cast(substr(order_date, 1, 4) as integer) as year, cast(substr(order_date, 6, 2) as integer) as month,
    count(*) as order_count, sum(total_amount_paise) as total_revenue
from orders where order_date <= :as_of group by 1, 2 order by 1, 2
""",
    "regional_revenue": """
select region, count(*) as customer_count, sum(order_count) as order_count, sum(paise) as total_revenue,
    (2 * sum(paise) + sum(order_count)) / (2 * sum(order_count)) as avg_order_value
from sales left join customers on customers.customer_id = sales.customer_id
group by 1 order by total_revenue desc, region
""",
    "top_spenders": f"""
select customers.customer_id, customer_name, mobile_number, region, order_count, paise as total_spent,
    (2 * paise + order_count) / (2 * order_count) as avg_order_value, last_day as last_order_date
from ({_OWNED.format(after="and order_date > :after")}) as recent
join customers on customers.customer_id = recent.customer_id
order by total_spent desc, customers.customer_id limit :top_n
""",
}
