"""The KPI files: JSON of the SQL engine, CSV of the others; money from whole paise, never through a float."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa

from akasa.kpis.definitions import DEFINITIONS, DTYPES, TOP_N, WINDOW_DAYS, Kind
from akasa.kpis.engines import ENGINES
from akasa.stores import lock, published
from akasa.workspace import files, masking, spreadsheet
from akasa.workspace.settings import Settings

NOTEBOOK = {"sql": "03_kpis_sql", "pandas": "04_kpis_memory", "dask": "04_kpis_memory"}
Form = Callable[[Any], Any]
Texts = Callable[[pa.Array], pa.Array]
PATTERNS: dict[Kind, re.Pattern[str]] = {  # a text may be any
    "count": re.compile(r"-?[0-9]+"),
    "paise": re.compile(r"-?[0-9]+\.[0-9]{2}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


@dataclass(frozen=True)
class Parameters:
    """What an engine's KPI files were computed for; the notebooks write it beside them."""

    as_of: str | None
    window_days: int
    top_n: int


class NotComputed(FileNotFoundError):
    """An engine's KPI file is not there; the message says which notebook writes it."""


class ComputedApart(ValueError):
    """Engines were computed for different parameters, or before the last publish: comparing says nothing."""


def file_name(engine: str, kpi: str) -> str:
    """Return the output file of an engine's KPI: `sql_<kpi>.json`, `pandas_<kpi>.csv`, `dask_<kpi>.csv`."""
    return f"{engine}_{kpi}.{'json' if engine == 'sql' else 'csv'}"


def write_results(
    settings: Settings,
    results: Mapping[str, Mapping[str, pd.DataFrame]],
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> list[str]:
    """Write every engine's KPIs, and what they were computed for, to the output folder; return the labels.

    Where mobile numbers are to be masked, they are in those files; the same unmasked go to `settings.exact`.
    """
    given = Parameters(as_of.isoformat() if as_of else None, window_days, top_n)
    written = []
    for engine, frames in results.items():
        for kpi, frame in frames.items():
            shown = masking.table(frame) if settings.mask_pii else frame
            written.append(settings.label(_write_result(settings.output_dir, engine, kpi, shown)))
        _write_parameters(settings.output_dir, engine, given)
        if lock.is_by_hand():
            files.write_text(_state_file(settings, engine), published.state(settings, engine))
        _keep_exact(settings, engine, frames, given)
    return written


def read_results(settings: Settings, engines: Sequence[str]) -> dict[str, dict[str, pd.DataFrame]]:
    """Return engine → KPI → frame as the output files have it, money in paise; always with unmasked numbers.

    Raises NotComputed, which names the missing file and the notebook that writes it.
    """
    return {
        engine: {kpi: read_result(_compared(settings), engine, kpi) for kpi in DEFINITIONS}
        for engine in engines
    }


def read_result(folder: Path, engine: str, kpi: str) -> pd.DataFrame:
    """Return a KPI's frame as an engine's file has it. Raises as `read_results` does."""
    read = read_json if engine == "sql" else read_csv
    return read(folder / file_name(engine, kpi), kpi)


def computed_for(settings: Settings, engines: Sequence[str]) -> Parameters:
    """Return what all of these engines' files were computed for.

    Raises ComputedApart where they differ, or something was published since; NotComputed where there is none.
    """
    first, *others = engines
    for engine in engines if lock.is_by_hand() else ():
        _require_of_now(settings, engine)
    given = {engine: _read_parameters(_compared(settings), engine) for engine in engines}
    for other in others:
        for name, value in asdict(given[first]).items():
            theirs = getattr(given[other], name)
            if theirs != value:
                raise ComputedApart(
                    f"{first} was computed for {name} = {value}, {other} for {theirs}: "
                    f"run {NOTEBOOK[first]} and {NOTEBOOK[other]} alike"
                )
    return given[first]


def computed(folder: Path) -> dict[str, Parameters]:
    """Return the engines whose files are in a folder, and what each was computed for."""
    there = [engine for engine in ENGINES if _parameters_file(folder, engine).exists()]
    return {engine: _read_parameters(folder, engine) for engine in there}


def left_out(public: Path, private: Path) -> dict[str, bool]:
    """Return the KPI files in `public` of engines that a run left out: name → whether they say what it says.

    The run's own files are in `private`.
    """
    found = {}
    for engine in ENGINES:
        if _parameters_file(private, engine).exists():
            continue
        for kpi in DEFINITIONS:
            file = public / file_name(engine, kpi)
            if file.exists():
                found[file.name] = _says(file, engine, kpi, read_result(private, "sql", kpi))
        given = _parameters_file(public, engine)
        if given.exists():
            found[given.name] = given.read_bytes() == _parameters_file(private, "sql").read_bytes()
    return found


def _says(file: Path, engine: str, kpi: str, frame: pd.DataFrame) -> bool:
    try:
        return bool(read_result(file.parent, engine, kpi).equals(frame))
    except (ValueError, TypeError):
        return False


def _compared(settings: Settings) -> Path:
    return settings.exact if settings.mask_pii else settings.output_dir


def _keep_exact(
    settings: Settings, engine: str, frames: Mapping[str, pd.DataFrame], given: Parameters
) -> None:
    """Keep an engine's unmasked files where those in the output folder are masked; else no earlier ones."""
    if settings.mask_pii:
        with files.private():
            for kpi, frame in frames.items():
                _write_result(settings.exact, engine, kpi, frame)
            _write_parameters(settings.exact, engine, given)
    else:
        forget_exact(settings.exact)


def forget_exact(folder: Path) -> None:
    """Remove the KPI files that were kept unmasked in a folder, and the folder, if nothing else is in it."""
    for engine in ENGINES:
        for kpi in DEFINITIONS:
            (folder / file_name(engine, kpi)).unlink(missing_ok=True)
        _parameters_file(folder, engine).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _write_result(folder: Path, engine: str, kpi: str, frame: pd.DataFrame) -> Path:
    path = folder / file_name(engine, kpi)
    (write_json if engine == "sql" else write_csv)(path, kpi, frame)
    return path


def _write_parameters(folder: Path, engine: str, given: Parameters) -> None:
    files.write_text(_parameters_file(folder, engine), json.dumps(asdict(given)) + "\n")


def _state_file(settings: Settings, engine: str) -> Path:
    return settings.output_dir / f".published.{engine}"


def _require_of_now(settings: Settings, engine: str) -> None:
    noted = _state_file(settings, engine)
    if noted.exists() and noted.read_text("utf-8") != published.state(settings, engine):
        raise ComputedApart(f"{engine} was computed before the last publish: run {NOTEBOOK[engine]} again")


def _parameters_file(folder: Path, engine: str) -> Path:
    return folder / f"parameters.{engine}.json"


def _read_parameters(folder: Path, engine: str) -> Parameters:
    with _opened(_parameters_file(folder, engine), NOTEBOOK[engine]) as file:
        return Parameters(**json.load(file))


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
    forms: dict[Kind, Form] = {"text": spreadsheet.field, "count": str, "paise": rupees, "date": str}
    rows = _rows(name, frame, forms)
    _write(path, (",".join(row) + "\n" for row in chain([DEFINITIONS[name].columns], rows)))


def read_json(path: Path, name: str) -> pd.DataFrame:
    """Return the KPI frame that `write_json` wrote, in the file's row order."""
    columns = list(DEFINITIONS[name].columns)
    with _opened(path, NOTEBOOK["sql"]) as file:
        # Read as text: a float has no hundredths, and rounding it back would hide what was written.
        records = json.load(file, parse_float=str, parse_int=str)
    for number, record in enumerate(records, 1):
        if list(record) != columns:
            raise ValueError(f"{path}: record {number} has the fields {list(record)}, not {columns}")
    return _frame(path, name, [[record[column] for record in records] for column in columns])


def read_csv(path: Path, name: str) -> pd.DataFrame:
    """Return the KPI frame that `write_csv` wrote, in the file's row order."""
    columns = list(DEFINITIONS[name].columns)
    texts: list[list[str]] = [[] for _ in columns]
    with _opened(path, NOTEBOOK["pandas"]) as file:
        rows = csv.reader(file, strict=True)
        header = next(rows, [])
        if header != columns:
            raise ValueError(f"{path}: the first line is {header}, not {columns}")
        for number, row in enumerate(rows, 1):
            if len(row) != len(columns):
                raise ValueError(f"{path}: record {number} has {len(row)} fields, not {len(columns)}")
            for column, text in zip(texts, row, strict=True):
                column.append(text)
    return _frame(path, name, texts, spreadsheet.restored)


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
        which = ' with engine = "dask" or "both"' if "dask" in path.name else ""
        raise NotComputed(f"{path} is missing: run notebook {notebook}{which} first")
    return path.open(encoding="utf-8", newline="")


def _frame(
    path: Path, name: str, columns: Sequence[list[Any]], restored: Texts | None = None
) -> pd.DataFrame:
    """Return columns of texts as a KPI's frame. Raises ValueError that names the first without its form."""
    kinds = DEFINITIONS[name].columns
    faults = [_first_fault(values, kind) for values, kind in zip(columns, kinds.values(), strict=True)]
    first = min(((at, place) for place, at in enumerate(faults) if at is not None), default=None)
    if first:
        at, place = first
        raise ValueError(f"{path}: record {at + 1}: {[*kinds][place]} is {columns[place][at]!r}")
    series = {
        column: pd.Series(_values(values, kind, restored), dtype=DTYPES[kind])
        for (column, kind), values in zip(kinds.items(), columns, strict=True)
    }
    return pd.DataFrame(series)


def _first_fault(values: Sequence[Any], kind: Kind) -> int | None:
    """Return the place of the first value that is no text, or has not its kind's form."""
    form = PATTERNS.get(kind)
    faulty = (
        at
        for at, value in enumerate(values)
        if not isinstance(value, str) or (form and not form.fullmatch(value))
    )
    return next(faulty, None)


def _values(texts: list[str], kind: Kind, restored: Texts | None) -> Any:
    match kind:
        case "text":
            found = pa.array(texts, pa.string())
            return pd.array(restored(found) if restored else found, dtype="str")
        case "count":
            return list(map(int, texts))
        case "paise":
            return [int(text.replace(".", "")) for text in texts]
    return texts
