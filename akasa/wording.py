"""How values are worded for people: rupees from paise, Indian digit groups, text safe in spreadsheets."""

import re

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
GROUPS = re.compile(r"(?<=\d)(?=(?:\d\d)*\d{3}$)")


def rupees(paise: int) -> str:
    """Return whole paise as rupees with two decimals.

    >>> rupees(893000), rupees(-5)
    ('8930.00', '-0.05')
    """
    whole, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}{whole}.{rest:02d}"


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


def neutralise(text: str) -> str:
    """Return text that no spreadsheet runs as a formula; `restore` gives the original back.

    >>> neutralise("=1+1"), neutralise("'=x"), neutralise("Asha")
    ("'=1+1", "''=x", 'Asha')
    """
    return f"'{text}" if FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text that `neutralise` was given.

    >>> restore("'=1+1"), restore("'Asha'")
    ('=1+1', "'Asha'")
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a KPI's frame as people read it: money as `₹1,05,000.00`, dates as ISO text."""
    kinds = DEFINITIONS[name].columns
    money = {c: frame[c].map(indian).astype("str") for c, kind in kinds.items() if kind == "paise"}
    dates = {c: frame[c].dt.strftime("%Y-%m-%d") for c, kind in kinds.items() if kind == "date"}
    return frame.assign(**money, **dates)
