"""The four KPIs by SQL on the database: one file a KPI, the same text for SQLite, MySQL and MariaDB."""

import time
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from akasa import database
from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.settings import Settings

INDEX = "ix_orders_kpis"


def statement(name: str) -> str:
    """Return the text of the KPI's query."""
    return Path(__file__).with_name(f"{name}.sql").read_text("utf-8")


def load(settings: Settings) -> Settings:
    """Return what the SQL engine computes from: the settings that name the database."""
    return settings


def repeat_customers(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    return canonical("repeat_customers", _answer(settings, "repeat_customers", as_of))


def monthly_trends(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    return canonical("monthly_trends", _answer(settings, "monthly_trends", as_of))


def regional_revenue(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`."""
    found = _answer(settings, "regional_revenue", as_of)
    average = average_paise(found["total_revenue"].astype("int64"), found["order_count"].astype("int64"))
    return canonical("regional_revenue", found.assign(avg_order_value=average))


def top_spenders(
    settings: Settings, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    found = _answer(settings, "top_spenders", as_of, window_days, top_n)
    average = average_paise(found["total_spent"].astype("int64"), found["order_count"].astype("int64"))
    return canonical("top_spenders", found.assign(avg_order_value=average))


def plan(
    settings: Settings,
    name: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    """Return how the database would run the KPI's query: its own EXPLAIN, a row a step."""
    return database.explain(statement(name), settings, **_values(name, as_of, window_days, top_n))


def index_gain(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return each KPI's seconds with the index on orders and without: kpi, with_index, without."""
    rows = []
    for name in DEFINITIONS:
        hint = database.without_index(settings, INDEX)
        bare = statement(name).replace("from orders\n", f"from orders {hint}\n")
        values = _values(name, as_of, WINDOW_DAYS, TOP_N)
        seconds = [_seconds(sql, settings, values) for sql in (statement(name), bare)]
        rows.append((name, *seconds))
    return pd.DataFrame(rows, columns=["kpi", "with_index", "without"])


def _answer(
    settings: Settings,
    name: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    return database.query(statement(name), settings, **_values(name, as_of, window_days, top_n))


def _values(name: str, as_of: date | None, window_days: int, top_n: int) -> dict[str, Any]:
    """Return the values of the parameters that the KPI's query names."""
    start = window_start(as_of, window_days) if as_of else None
    values = {"as_of": _day(as_of), "window_start": _day(start), "top_n": top_n}
    return {parameter: value for parameter, value in values.items() if f":{parameter}" in statement(name)}


def _seconds(sql: str, settings: Settings, values: dict[str, Any]) -> float:
    began = time.perf_counter()
    database.query(sql, settings, **values)
    return time.perf_counter() - began


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
