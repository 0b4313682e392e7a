"""The four KPIs by SQL on the database: one file a KPI, the same text for SQLite, MySQL and MariaDB."""

import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.stores import database
from akasa.workspace.settings import Settings

INDEX = "ix_orders_kpis"
_TOTAL = {"regional_revenue": "total_revenue", "top_spenders": "total_spent"}


def statement(name: str) -> str:
    """Return the text of the KPI's query."""
    return Path(__file__).with_name(f"{name}.sql").read_text("utf-8")


def load(settings: Settings) -> Settings:
    """Return what the SQL engine computes from: the settings that name the database."""
    return settings


def repeat_customers(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    return _answer(settings, "repeat_customers", _values(as_of))


def monthly_trends(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    return _answer(settings, "monthly_trends", _values(as_of))


def regional_revenue(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`."""
    return _answer(settings, "regional_revenue", _values(as_of))


def top_spenders(
    settings: Settings, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    return _answer(settings, "top_spenders", _values(as_of, window_days, top_n))


def timed(
    settings: Settings, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> tuple[dict[str, pd.DataFrame], dict[str, float]]:
    """Return every KPI's frame, and the seconds that the database took for its query."""
    values = _values(as_of, window_days, top_n)
    answers = {name: _seconds(settings, statement(name), values) for name in DEFINITIONS}
    frames = {name: _shaped(name, found) for name, (found, _) in answers.items()}
    return frames, {name: seconds for name, (_, seconds) in answers.items()}


def plan(
    settings: Settings,
    name: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    """Return how the database would run the KPI's query: its own EXPLAIN, a row a step."""
    sql = statement(name)
    return database.explain(sql, settings, **_named(sql, _values(as_of, window_days, top_n)))


def index_gain(
    settings: Settings,
    as_of: date | None,
    with_index: Mapping[str, float],
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    """Return each KPI's seconds with the index on orders, as `timed` took them, and without it.

    Columns: kpi, with_index, without.
    """
    values, hint = _values(as_of, window_days, top_n), database.without_index(settings, INDEX)
    bare = {kpi: statement(kpi).replace("from orders\n", f"from orders {hint}\n") for kpi in with_index}
    rows = [(kpi, with_index[kpi], _seconds(settings, sql, values)[1]) for kpi, sql in bare.items()]
    return pd.DataFrame(rows, columns=["kpi", "with_index", "without"])


def _answer(settings: Settings, name: str, values: Mapping[str, Any]) -> pd.DataFrame:
    return _shaped(name, _seconds(settings, statement(name), values)[0])


def _shaped(name: str, found: pd.DataFrame) -> pd.DataFrame:
    """Return the database's answer as the KPI's frame, with the average that the query leaves out."""
    if name in _TOTAL:
        total, count = (found[column].astype("int64") for column in (_TOTAL[name], "order_count"))
        found = found.assign(avg_order_value=average_paise(total, count))
    return canonical(name, found)


def _values(as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N) -> dict[str, Any]:
    """Return the values of all parameters that a KPI's query may name."""
    start = window_start(as_of, window_days) if as_of else None
    return {"as_of": _day(as_of), "window_start": _day(start), "top_n": top_n}


def _named(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {parameter: value for parameter, value in values.items() if f":{parameter}" in sql}


def _seconds(settings: Settings, sql: str, values: Mapping[str, Any]) -> tuple[pd.DataFrame, float]:
    """Return a query's rows, and the seconds from its start until they were here."""
    began = time.perf_counter()
    found = database.query(sql, settings, **_named(sql, values))
    return found, time.perf_counter() - began


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
