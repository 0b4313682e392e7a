"""The KPI files: JSON of the SQL engine, CSV of the others; money from whole paise, never through a float."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, DTYPES, Kind
from akasa.kpis.engines import MODULES
from akasa.workspace import files
from akasa.workspace.settings import Settings
from akasa.workspace.spreadsheet import neutralise, restore

SPECIAL = re.compile(r'[",\n\r]')
Form = Callable[[Any], Any]
PATTERNS: dict[Kind, re.Pattern[str]] = {
    "text": re.compile(r"(?s).*"),
    "count": re.compile(r"-?[0-9]+"),
    "paise": re.compile(r"-?[0-9]+\.[0-9]{2}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


def file_name(engine: str, kpi: str) -> str:
    """Return the output file of an engine's KPI: `sql_<kpi>.json`, `pandas_<kpi>.csv`, `dask_<kpi>.csv`."""
    return f"{engine}_{kpi}.{'json' if engine == 'sql' else 'csv'}"


def write_results(settings: Settings, results: Mapping[str, Mapping[str, pd.DataFrame]]) -> list[str]:
    """Write every engine's KPIs to the output folder; return the files' labels."""
    written = []
    for engine, frames in results.items():
        write = write_json if engine == "sql" else write_csv
        for kpi, frame in frames.items():
            path = settings.output_dir / file_name(engine, kpi)
            write(path, kpi, frame)
            written.append(settings.label(path))
    return written


def read_results(settings: Settings, engines: tuple[str, ...]) -> dict[str, dict[str, pd.DataFrame]]:
    """Return engine → KPI → frame as the output files have it, money in paise.

    Raises FileNotFoundError that names the missing file and the notebook that writes it.
    """
    return {
        engine: {
            kpi: (read_json if engine == "sql" else read_csv)(
                settings.output_dir / file_name(engine, kpi), kpi
            )
            for kpi in DEFINITIONS
        }
        for engine in engines
    }


def drop_stale_engines(public: Path, private: Path) -> None:
    """Remove KPI files of engines that did not run, unless they still say what this run says."""
    for engine in MODULES:
        for kpi in DEFINITIONS:
            name = file_name(engine, kpi)
            if (public / name).exists() and not (private / name).exists():
                now = read_json(private / file_name("sql", kpi), kpi)
                if not _says(public / name, kpi, now):
                    (public / name).unlink()


def _says(path: Path, kpi: str, frame: Any) -> bool:
    try:
        return bool(read_csv(path, kpi).equals(frame))
    except (ValueError, TypeError):
        return False


def rupees(paise: int) -> str:
    """Return whole paise as rupees with two decimals.

    >>> rupees(893000), rupees(-5)
    ('8930.00', '-0.05')
    """
    whole, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}{whole}.{rest:02d}"


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


def _write(path: Path, lines: Iterable[str]) -> None:
    with files.atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
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
