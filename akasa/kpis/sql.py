"""The four KPIs by SQL on the database: one file a KPI, the same text for SQLite, MySQL and MariaDB."""

from datetime import date
from pathlib import Path

import pandas as pd

from akasa import database
from akasa.kpis.definitions import TOP_N, WINDOW_DAYS, average_paise, canonical, window_start
from akasa.settings import Settings


def statement(name: str) -> str:
    """Return the text of the KPI's query."""
    return Path(__file__).with_name(f"{name}.sql").read_text("utf-8")


def load(settings: Settings) -> Settings:
    """Return what the SQL engine computes from: the settings that name the database."""
    return settings


def repeat_customers(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return known customers with more than one order up to `as_of`; none where `as_of` is None."""
    found = database.query(statement("repeat_customers"), settings, as_of=_day(as_of))
    return canonical("repeat_customers", found)


def monthly_trends(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return orders and revenue (paise) of every month up to `as_of`."""
    found = database.query(statement("monthly_trends"), settings, as_of=_day(as_of))
    return canonical("monthly_trends", found)


def regional_revenue(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return customers, orders, revenue and average order (paise) of every region up to `as_of`."""
    found = database.query(statement("regional_revenue"), settings, as_of=_day(as_of))
    average = average_paise(found["total_revenue"].astype("int64"), found["order_count"].astype("int64"))
    return canonical("regional_revenue", found.assign(avg_order_value=average))


def top_spenders(
    settings: Settings, as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> pd.DataFrame:
    """Return the `top_n` customers by spending (paise) in the `window_days` days that end with `as_of`."""
    start = window_start(as_of, window_days) if as_of else None
    found = database.query(
        statement("top_spenders"), settings, as_of=_day(as_of), window_start=_day(start), top_n=top_n
    )
    average = average_paise(found["total_spent"].astype("int64"), found["order_count"].astype("int64"))
    return canonical("top_spenders", found.assign(avg_order_value=average))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
