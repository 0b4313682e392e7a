"""Files that users see: KPI tables as JSON and CSV, notebooks as web pages. Whole or not at all.

A file is written under a temporary name beside its own and moved into place, so that a reader, or a
crash, finds the old file or the new one. Money is written from whole paise, never through a float.
"""

import csv
import json
import os
import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, DTYPES, Kind

if TYPE_CHECKING:
    from nbformat import NotebookNode

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
GROUPS = re.compile(r"(?<=\d)(?=(?:\d\d)*\d{3}$)")
TEMPLATES = Path(__file__).parent / "templates"
SHOWN = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
WRITER = {".json": "03_kpis_sql", ".csv": "04_kpis_memory"}
FORMS: dict[Kind, re.Pattern[str]] = {
    "text": re.compile(r"(?s).*"),
    "count": re.compile(r"-?[0-9]+"),
    "paise": re.compile(r"-?[0-9]+\.[0-9]{2}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


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


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it replaces `path` on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, lines: Iterable[str]) -> None:
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _strings(name: str, frame: pd.DataFrame, text: Callable[[str], str]) -> Iterator[tuple[str, ...]]:
    """Give each row's values as strings, in the KPI's column order.

    Raises TypeError where a column doesn't have the KPI's type, ValueError where a value is missing.
    """
    columns = DEFINITIONS[name].columns
    for column, kind in columns.items():
        if frame[column].dtype != DTYPES[kind]:
            raise TypeError(f"{name}.{column} is {frame[column].dtype}, not {DTYPES[kind]}")
        if frame[column].isna().any():
            raise ValueError(f"{name}.{column} has missing values")
    write: dict[Kind, Callable[[object], str]] = {
        "text": text, "count": str, "paise": rupees, "date": str,
    }  # fmt: skip
    return zip(*(map(write[kind], _values(frame[column], kind)) for column, kind in columns.items()), strict=True)


def _values(column: "pd.Series[object]", kind: Kind) -> list[object]:
    """Return the column as Python values; dates as ISO text."""
    days = column.to_numpy().astype("datetime64[D]").astype(str) if kind == "date" else column
    return list(days.tolist())
