"""The KPIs by SQL on the database: one file a KPI, the same text for SQLite, MySQL and MariaDB."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.stores import database
from akasa.workspace.settings import Settings


def statement(kpi: str) -> str:
    """Return the text of the KPI's query."""
    return Path(__file__).with_name(f"{kpi}.sql").read_text("utf-8")


def source(settings: Settings) -> Settings:
    """Return what the SQL engine computes from: the settings that name the database."""
    return settings


def answer(
    kpi: str,
    settings: Settings,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    """Return the KPI's frame, money in paise: the database's answer, with the average that it leaves out."""
    total = DEFINITIONS[kpi].average
    found = database.query(statement(kpi), settings, **_values(as_of, window_days, top_n))
    if total:
        sums, counts = (found[column].astype("int64") for column in (total, "order_count"))
        found = found.assign(avg_order_value=average_paise(sums, counts))
    return canonical(kpi, found)


def query_plan(
    settings: Settings,
    kpi: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> str:
    """Return how the database would run the KPI's query: its own EXPLAIN, a line a step, indented."""
    return database.explain(statement(kpi), settings, **_values(as_of, window_days, top_n))


def _values(as_of: date | None, window_days: int, top_n: int) -> dict[str, Any]:
    """Return the values of all parameters that a query may name."""
    start = window_start(as_of, window_days) if as_of else None
    return {"as_of": _day(as_of), "window_start": _day(start), "top_n": top_n}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
