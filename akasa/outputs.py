"""Files that users see: KPI tables as JSON and CSV, and a run's files moved into place.

A file is written under a temporary name beside its own and moved over it, so that a reader, or a crash,
finds the old file or the new one. Money is written from whole paise, never through a float.
"""

import csv
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from akasa.failpoints import reached
from akasa.kpis.definitions import DEFINITIONS, DTYPES, Kind
from akasa.wording import neutralise, restore, rupees

SPECIAL = re.compile(r'[",\n\r]')
Form = Callable[[Any], Any]
PATTERNS: dict[Kind, re.Pattern[str]] = {
    "text": re.compile(r"(?s).*"),
    "count": re.compile(r"-?[0-9]+"),
    "paise": re.compile(r"-?[0-9]+\.[0-9]{2}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it replaces `path` on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        reached(f"before writing {path.name}")
        yield part
        reached(f"before renaming {path.name}")
        os.replace(part, path)
        reached(f"after renaming {path.name}")
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder; only while no other one writes."""
    for part in folder.glob(".*.part"):
        part.unlink()


def write_text(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a KPI frame as a JSON list, one record a line, money with two decimals.

    Raises TypeError where a column hasn't the KPI's type, ValueError where a value is missing.
    """
    forms: dict[Kind, Form] = {"text": _quoted, "count": str, "paise": rupees, "date": _quoted}
    keys = [_quoted(column) for column in DEFINITIONS[name].columns]
    records = (map(": ".join, zip(keys, row, strict=True)) for row in _rows(name, frame, forms))
    _write(path, _listed("{" + ", ".join(record) + "}" for record in records))


def write_csv(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a KPI frame as CSV with a header, money with two decimals, formulas neutralised.

    Raises TypeError where a column hasn't the KPI's type, ValueError where a value is missing.
    """
    forms: dict[Kind, Form] = {"text": _field, "count": str, "paise": rupees, "date": str}
    rows = _rows(name, frame, forms)
    _write(path, (",".join(row) + "\n" for row in chain([DEFINITIONS[name].columns], rows)))


def read_json(path: Path, name: str) -> pd.DataFrame:
    """Return the KPI frame that `write_json` wrote, in the file's row order."""
    columns = list(DEFINITIONS[name].columns)
    with _opened(path, "03_kpis_sql") as file:
        records = json.load(file, parse_float=str, parse_int=str)
    for number, record in enumerate(records, 1):
        if list(record) != columns:
            raise ValueError(f"{path}: record {number} has the fields {list(record)}, not {columns}")
    return _frame(path, name, [list(record.values()) for record in records], str)


def read_csv(path: Path, name: str) -> pd.DataFrame:
    """Return the KPI frame that `write_csv` wrote, in the file's row order."""
    columns = list(DEFINITIONS[name].columns)
    with _opened(path, "04_kpis_memory") as file:
        rows = list(csv.reader(file, strict=True))
    if rows[:1] != [columns]:
        raise ValueError(f"{path}: the first line is {rows[:1]}, not {columns}")
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(columns):
            raise ValueError(f"{path}: record {number} has {len(row)} fields, not {len(columns)}")
    return _frame(path, name, rows[1:], restore)


def promote(private: Path, public: Path, managed: Sequence[str] = ("data_docs", "notebooks")) -> list[Path]:
    """Move a run's files from its private folder to their places under `public`; return those places.

    The folders named in `managed` belong to the runs: what an earlier run left in one that this run
    has written to is removed. No other file is touched. Both folders must be on one filesystem.
    """
    # The page that links to the others comes last.
    sources = sorted(_files(private), key=lambda source: (source == private / "index.html", source))
    targets = [public / source.relative_to(private) for source in sources]
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        reached(f"before moving {target.name} into place")
        os.replace(source, target)
    reached("after moving all into place")
    for folder in (public / name for name in managed):
        if any(target.is_relative_to(folder) for target in targets):
            for stale in set(_files(folder)).difference(targets):
                stale.unlink()
            _remove_empty_folders(folder)
    _remove_empty_folders(private)
    return targets


def _write(path: Path, lines: Iterable[str]) -> None:
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _listed(records: Iterable[str]) -> Iterator[str]:
    before = "["
    for record in records:
        yield f"{before}\n{record}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _field(text: str) -> str:
    """Return text as a CSV field. (Python 3.11's csv writer leaves a lone carriage return unquoted.)"""
    safe = neutralise(text)
    return '"' + safe.replace('"', '""') + '"' if SPECIAL.search(safe) else safe


def _rows(name: str, frame: pd.DataFrame, forms: Mapping[Kind, Form]) -> Iterator[tuple[str, ...]]:
    columns = DEFINITIONS[name].columns
    values = (map(forms[kind], _plain(frame[column], kind)) for column, kind in columns.items())
    return zip(*values, strict=True)


def _plain(column: "pd.Series[Any]", kind: Kind) -> list[Any]:
    if column.dtype != DTYPES[kind]:
        raise TypeError(f"{column.name} is {column.dtype}, not {DTYPES[kind]}")
    if column.isna().any():
        raise ValueError(f"{column.name} has missing values")
    days = column.to_numpy().astype("datetime64[D]").astype(str) if kind == "date" else column
    return list(days.tolist())


def _opened(path: Path, notebook: str) -> TextIO:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: `make report`, or notebook {notebook}, writes it")
    return path.open(encoding="utf-8", newline="")


def _frame(path: Path, name: str, rows: Sequence[Sequence[Any]], text: Form) -> pd.DataFrame:
    forms: dict[Kind, Form] = {"text": text, "count": int, "paise": _paise, "date": str}
    columns = DEFINITIONS[name].columns
    for number, row in enumerate(rows, 1):
        for value, (column, kind) in zip(row, columns.items(), strict=True):
            if not (isinstance(value, str) and PATTERNS[kind].fullmatch(value)):
                raise ValueError(f"{path}: record {number}: {column} is {value!r}")
    series = {
        column: pd.Series([forms[kind](row[place]) for row in rows], dtype=DTYPES[kind])
        for place, (column, kind) in enumerate(columns.items())
    }
    return pd.DataFrame(series)


def _paise(text: str) -> int:
    return int(text.replace(".", ""))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
