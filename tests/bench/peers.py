"""DataFusion and chDB, which take part in the race where they are installed: `pip install datafusion chdb`.

They are not among the project's requirements: 0.1 and 0.5 GB.
"""

from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS
from bench import kpis
from bench.harness import Clock

_TABLES = ("orders", "customers", "holdings")


def installed() -> dict[str, Callable[..., Any]]:
    """Return the contenders that can run here; say which cannot."""
    known = {"DataFusion": datafusion, "chDB": chdb}
    found = {name: contender for name, contender in known.items() if find_spec(name.lower())}
    for name in known.keys() - found.keys():
        print(f"left out, as it is not installed: {name} (pip install {name.lower()})")
    return found


def datafusion(clock: Clock, folder: Path) -> dict[str, str]:
    from datafusion import SessionContext

    with clock:
        context = SessionContext()
        for name in _TABLES:
            months = [("order_month", pa.string())] if name == "orders" else []
            context.register_parquet(name, f"{folder}/warehouse/{name}/", table_partition_cols=months)
        for statement in _shared("create table"):
            context.sql(statement).collect()
        found = {
            kpi: context.sql(_asked(kpi, "(2 * {0} + order_count) / (2 * order_count)")).to_arrow_table()
            for kpi in _QUERIES
        }
    return {kpi: kpis.digest(kpi, table) for kpi, table in found.items()}


def chdb(clock: Clock, folder: Path) -> dict[str, str]:
    from chdb.session import Session

    with clock:
        session = Session()
        session.query("set join_use_nulls = 1, prefer_column_name_to_alias = 1")
        for name in _TABLES:
            files = f"{folder}/warehouse/{name}/{'order_month=*/' if name == 'orders' else ''}*.parquet"
            session.query(f"create view {name} as select * from file('{files}', Parquet)")
        for statement in _shared("create temporary table"):
            session.query(statement)
        found = {
            kpi: session.query(_asked(kpi, "intDiv(2 * {0} + order_count, 2 * order_count)"), "ArrowTable")
            for kpi in _QUERIES
        }
    return {kpi: kpis.digest(kpi, table) for kpi, table in found.items()}


def _shared(create: str) -> list[str]:
    return _SHARED.format(create=create, as_of=kpis.AS_OF).split(";")


def _asked(kpi: str, half_up: str) -> str:
    after = kpis.AS_OF - timedelta(days=WINDOW_DAYS)
    average = half_up.format(DEFINITIONS[kpi].average)
    return _QUERIES[kpi].format(as_of=kpis.AS_OF, after=after, top_n=TOP_N, half_up=average)


_SHARED = """
{create} changed as
select mobile_number, customer_id, from_day, until_day from holdings
where mobile_number in (select mobile_number from holdings where until_day is not null);
{create} sales as
with numbers as (
    select orders.mobile_number, changed.customer_id, count(*) as order_count,
        sum(total_amount_paise) as paise
    from orders left join changed on changed.mobile_number = orders.mobile_number
        and order_date >= from_day and (until_day is null or order_date < until_day)
    where order_date <= date '{as_of}' group by orders.mobile_number, changed.customer_id
), present as (select mobile_number, customer_id from holdings where until_day is null)
select coalesce(numbers.customer_id, present.customer_id) as customer_id,
    case when present.customer_id is null then numbers.mobile_number end as stranger,
    sum(order_count) as order_count, sum(paise) as paise
from numbers left join present on present.mobile_number = numbers.mobile_number
group by coalesce(numbers.customer_id, present.customer_id),
    case when present.customer_id is null then numbers.mobile_number end
"""
_QUERIES = {
    "repeat_customers": """
select customers.customer_id as customer_id, customer_name, mobile_number, region, order_count
from sales join customers on customers.customer_id = sales.customer_id
where order_count > 1 order by order_count desc, customer_id
""",
    "monthly_trends": """
select extract(year from order_date) as year, extract(month from order_date) as month,
    count(*) as order_count, sum(total_amount_paise) as total_revenue
from orders where order_date <= date '{as_of}'
group by extract(year from order_date), extract(month from order_date) order by year, month
""",
    "regional_revenue": """
with regions as (
    select coalesce(region, 'Unmatched') as region, count(*) as customer_count,
        sum(sales.order_count) as order_count, sum(paise) as total_revenue
    from sales left join customers on customers.customer_id = sales.customer_id
    group by coalesce(region, 'Unmatched')
)
select *, {half_up} as avg_order_value from regions order by total_revenue desc, region
""",
    "top_spenders": """
with numbers as (
    select orders.mobile_number, changed.customer_id, count(*) as order_count,
        sum(total_amount_paise) as spent, max(order_date) as last_day
    from orders left join changed on changed.mobile_number = orders.mobile_number
        and order_date >= from_day and (until_day is null or order_date < until_day)
    where order_date > date '{after}' and order_date <= date '{as_of}'
    group by orders.mobile_number, changed.customer_id
), present as (
    select mobile_number, customer_id from holdings where until_day is null
), recent as (
    select coalesce(numbers.customer_id, present.customer_id) as customer_id,
        sum(order_count) as order_count, sum(spent) as total_spent, max(last_day) as last_order_date
    from numbers join present on present.mobile_number = numbers.mobile_number
    group by coalesce(numbers.customer_id, present.customer_id)
)
select customers.customer_id as customer_id, customer_name, mobile_number, region, order_count, total_spent,
    {half_up} as avg_order_value, last_order_date
from recent join customers on customers.customer_id = recent.customer_id
order by total_spent desc, customer_id limit {top_n}
""",
}
