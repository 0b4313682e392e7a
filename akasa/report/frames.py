"""What an analyst types by hand: frames for people, with rupees and without internal columns.

Rupees are exact decimals (`decimal128`, two places): they can be summed and compared as they are.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest import readers
from akasa.kpis import engines
from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS
from akasa.report.kpi_table import KpiTable
from akasa.stores import database, lock, published, warehouse
from akasa.workspace import promotion
from akasa.workspace.settings import BY_HAND, ROOT, Settings
from akasa.workspace.settings import load as _load

_RUPEES = pa.decimal128(20, 2)


def settings(**changes: Any) -> Settings:
    """Return the settings: environment, then `.env`; what is given here and is not None wins.

    In a notebook that somebody runs by hand, outputs go to `work/outputs`: never to a folder that a run has
    delivered to, and to that of the environment's OUTPUT_DIR only where no run has.

    Example: `ak.settings(max_reject_ratio=0.2).max_reject_ratio`
    """
    chosen = _load(**changes)
    is_free = lock.is_by_hand() and changes.get("output_dir") is None
    is_delivered = (chosen.output_dir / promotion.MANIFEST).exists()
    if is_free and (is_delivered or not os.environ.get("OUTPUT_DIR")):
        return chosen.model_copy(update={"output_dir": BY_HAND})
    return chosen


def sql(query: str, **values: Any) -> pd.DataFrame:
    """Run a query on the published tables; `:name` in it takes a value. It cannot write.

    Example: `ak.sql("select count(*) as n from customers where region = :region", region="North")`
    """
    return database.query(query, _published(), **values)


def orders() -> pd.DataFrame:
    """Return one row an order: order_id, mobile_number, order_date_time, order_date, total_amount (rupees).

    Example: `ak.orders().groupby("order_date")["total_amount"].sum()`
    """
    found = warehouse.orders(_published())
    found = found.assign(total_amount=in_rupees(found["total_amount_paise"]))
    return found[["order_id", "mobile_number", "order_date_time", "order_date", "total_amount"]]


def customers() -> pd.DataFrame:
    """Return one row a customer: customer_id, customer_name, mobile_number, region.

    Example: `ak.customers().query("region == 'North'")`
    """
    found = warehouse.customers(_published())
    return found[["customer_id", "customer_name", "mobile_number", "region"]]


def order_items() -> pd.DataFrame:
    """Return one row an order line: order_id, sku_id, sku_count, amount (rupees).

    The amount is null unless amounts are per line.

    Example: `ak.order_items().groupby("sku_id")["sku_count"].sum().nlargest(5)`
    """
    found = warehouse.order_items(_published())
    amount = in_rupees(found["amount_paise"])
    return found.assign(amount=amount)[["order_id", "sku_id", "sku_count", "amount"]]


def ledger() -> pd.DataFrame:
    """Return one row a published delivery, in delivery order.

    Columns: name, kind, records, accepted, rejected, repeats, published_at (UTC).

    Example: `ak.ledger().tail(3)`
    """
    columns = ["name", "kind", "records", "accepted", "rejected", "repeats", "published_at"]
    return database.ledger(_published())[columns]


def kpi(
    name: str,
    as_of: str | None = None,
    engine: str = "sql",
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> KpiTable:
    """Compute one KPI, money in rupees, by sql, pandas or dask; `as_of` is a day written YYYY-MM-DD.

    A notebook shows it as the report does; its values are exact.
    Raises ValueError that lists the KPIs or engines there are.

    Example: `ak.kpi("top_spenders", as_of="2025-10-31", engine="pandas", top_n=3)`
    """
    for word, known in ((name, [*DEFINITIONS]), (engine, engines.ENGINES)):
        if word not in known:
            raise ValueError(f"there is no {word!r}; there are {', '.join(known)}")
    chosen = _published()
    day = engines.last_day(chosen, engine, as_of)
    found = engines.compute_one(chosen, engine, name, day, window_days, top_n)
    money = {column: in_rupees(found[column]) for column in DEFINITIONS[name].of_kind("paise")}
    return KpiTable(found.assign(**money))


def read_orders(path: Path | str) -> pd.DataFrame:
    """Return an orders XML as it came, a row an `<order>`: record, six fields as text, malformed, raw.

    A relative path starts where you are, or else at the project's folder.
    Raises RefusedDelivery for a file that cannot be trusted as a whole.

    Example: `ak.read_orders("data/orders.xml").head()`
    """
    return readers.read_orders(_found(path)).read_pandas()


def read_customers(path: Path | str) -> pd.DataFrame:
    """Return a customers CSV as it came, a row a record: record, four fields as text, malformed, raw.

    A relative path starts where you are, or else at the project's folder.
    Raises RefusedDelivery for a file that cannot be trusted as a whole.

    Example: `ak.read_customers("data/customers.csv").head()`
    """
    return readers.read_customers(_found(path)).read_pandas()


def in_rupees(paise: "pd.Series[int]") -> "pd.Series[Any]":
    """Return whole paise as exact rupees with two decimals; null stays null.

    >>> in_rupees(pd.Series([893000, 5])).astype(str).tolist()
    ['8930.00', '0.05']
    """
    whole = pa.array(paise, pa.int64(), from_pandas=True).cast(pa.decimal128(19, 0))
    rupees = pc.multiply(whole, pa.scalar("0.01").cast(pa.decimal128(2, 2))).cast(_RUPEES)
    return pd.Series(rupees, index=paise.index, dtype=pd.ArrowDtype(_RUPEES))


def _found(path: Path | str) -> Path:
    return Path(path) if Path(path).exists() or not (ROOT / path).exists() else ROOT / path


def _published() -> Settings:
    """Return the settings of a workspace that has published tables. Raises NothingPublished."""
    chosen = _load()
    published.require(chosen, "sql")
    return chosen
