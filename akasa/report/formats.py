"""How values are worded for people: rupees from paise, Indian digit groups."""

import re

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS

GROUPS = re.compile(r"(?<=\d)(?=(?:\d\d)*\d{3}$)")


def indian_count(number: int) -> str:
    """Return a whole number in Indian digit groups.

    >>> indian_count(12345678)
    '1,23,45,678'
    """
    return GROUPS.sub(",", str(number))


def indian(paise: int) -> str:
    """Return whole paise as people in India write rupees.

    >>> indian(10500000), indian(-5)
    ('₹1,05,000.00', '-₹0.05')
    """
    whole, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}₹{indian_count(whole)}.{rest:02d}"


def table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a KPI's frame as people read it: money as `₹1,05,000.00`, dates as ISO text."""
    kinds = DEFINITIONS[name].columns
    money = {c: frame[c].map(indian).astype("str") for c, kind in kinds.items() if kind == "paise"}
    dates = {c: frame[c].dt.strftime("%Y-%m-%d") for c, kind in kinds.items() if kind == "date"}
    return frame.assign(**money, **dates)
