"""What is asked: a KPI, its rows by column and value, the day; and the values that were reported of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.kpis import engines, results
from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, window_start
from akasa.stores import database
from akasa.workspace import promotion
from akasa.workspace.settings import Settings

KPIS = ("repeat_customers", "monthly_trends", "regional_revenue", "top_spenders")
MOST_NAMED, MOST_ROWS = 8, 1_000
Value = dict[str, str | int]


class NotAsked(ValueError):
    """What is asked for is not there: no such KPI, column, value or row; the message lists what there is."""


@dataclass(frozen=True)
class Question:
    """A KPI up to a day, and the rows of it that are asked for, as they were reported.

    Money in `rows` is text with two decimals, as in the KPI file. `of` says where the values are from.
    """

    kpi: str
    as_of: date | None
    window_days: int
    top_n: int
    rows: Sequence[Value]
    of: str

    @property
    def key_columns(self) -> tuple[str, ...]:
        return DEFINITIONS[self.kpi].key

    @property
    def after(self) -> date | None:
        """The last day that no longer counts; None where all days up to `as_of` do."""
        is_window = "window_days" in DEFINITIONS[self.kpi].options
        return window_start(self.as_of, self.window_days) if is_window and self.as_of else None

    def key(self, row: Value) -> Value:
        return {column: row[column] for column in self.key_columns}


def ask(
    settings: Settings,
    kpi: str,
    where: Mapping[str, Any],
    as_of: str | None = None,
    window_days: int | None = None,
    top_n: int | None = None,
) -> Question:
    """Return the question, with the values of the last report, or, for another day, what SQL says now.

    By default it is asked for the day, window and number of the last report; where there is none, for those
    that a run would take. Raises NotAsked, and NothingPublished.
    """
    require_kpi(kpi)
    _require_sense(as_of, window_days, top_n)
    columns = DEFINITIONS[kpi].columns
    for column in where:
        if column not in columns:
            raise NotAsked(f"{kpi} has no column {column!r}{meant(column, columns)}")
    said = promotion.told(settings.output_dir) or {}
    given: dict[str, Any] = {
        "as_of": as_of or said.get("as_of"),
        "window_days": window_days or said.get("window_days") or WINDOW_DAYS,
        "top_n": top_n or said.get("top_n") or TOP_N,
    }
    is_reported = all(said.get(name) == value for name, value in given.items()) and _is_of_now(settings, said)
    day = engines.last_day(settings, "sql", given["as_of"])
    options = day, given["window_days"], given["top_n"]
    wanted = {column: str(value) for column, value in where.items()}
    if is_reported and (file := _file(settings, kpi)):
        of = f"the report of run {said['run']}"
        rows = [*_reported(file, wanted)]
        every = (row for row in _reported(file, {})) if not rows else iter(())
    else:
        of = "what SQL computes now"
        if said and not _is_of_now(settings, said):
            of += ", as more was published since the last report"
        found = [*_computed(kpi, engines.compute_one(settings, "sql", kpi, *options))]
        rows = [row for row in found if _fits(row, wanted)]
        every = iter(found if not rows else ())
    if not rows:
        raise NotAsked(_no_row(kpi, wanted, every, day))
    return Question(kpi, *options, rows, of)


def of_frame(
    kpi: str, frame: pd.DataFrame, as_of: date | None, window_days: int, top_n: int, of: str
) -> Question:
    """Return the question after every row of a KPI's frame."""
    return Question(kpi, as_of, window_days, top_n, [*_computed(kpi, frame)], of)


def require_kpi(kpi: str) -> None:
    """Raise NotAsked unless it is one of the KPIs that can be explained."""
    if kpi not in DEFINITIONS:
        raise NotAsked(f"there is no KPI {kpi!r}{meant(kpi, KPIS)}")
    if kpi not in KPIS:
        raise NotAsked(
            f"{kpi} cannot be explained: which orders a row of it counts is said in akasa/trace/parts.py for "
            f"{', '.join(KPIS)} alone"
        )


def _require_sense(as_of: str | None, window_days: int | None, top_n: int | None) -> None:
    try:
        date.fromisoformat(as_of or "2025-11-10")
    except (TypeError, ValueError):
        raise NotAsked(f"as_of: {as_of!r} is not a day written YYYY-MM-DD") from None
    for name, number in (("window_days", window_days), ("top_n", top_n)):
        if number is not None and number < 1:
            raise NotAsked(f"{name}: {number} is no whole number from 1 on")


def meant(word: str, known: Iterable[str]) -> str:
    """Return what a slip of the pen may have meant, and what there is."""
    every = list(known)
    near = get_close_matches(word.lower(), {one.lower(): one for one in every}, 1)
    first = next((one for one in every if near and one.lower() == near[0]), None)
    shown = ", ".join(every[:MOST_NAMED]) + (
        f" and {len(every) - MOST_NAMED:,} more" * (len(every) > MOST_NAMED)
    )
    return f"; did you mean {first}? There are: {shown}" if first else f"; there are: {shown or 'none'}"


def require_few(question: Question) -> None:
    """Raise NotAsked where more rows are asked for than can be told."""
    if len(question.rows) > MOST_ROWS:
        column = question.key_columns[0]
        raise NotAsked(
            f"{question.kpi} has {len(question.rows):,} rows, and at most {MOST_ROWS:,} are told at a time: "
            f"name one by {column}=…, or take all lines by --format csv"
        )


def _is_of_now(settings: Settings, said: Mapping[str, Any]) -> bool:
    """Say whether the report rests on just what is published now."""
    told = [tuple(one.get(name) for name in _NOTED) for one in said.get("deliveries", ())]
    now = [
        (row.kind, row.sha256, row.records, row.accepted, row.rejected)
        for row in database.ledger(settings).itertuples()
    ]
    return told == now


_NOTED = ("kind", "sha256", "records", "accepted", "rejected")


def _file(settings: Settings, kpi: str) -> Path | None:
    """Return the KPI file with unmasked numbers."""
    folder = settings.exact if settings.mask_pii else settings.output_dir
    file = folder / results.file_name("sql", kpi)
    return file if file.is_file() else None


def _reported(file: Path, wanted: Mapping[str, str]) -> Iterator[Value]:
    """Yield the rows of a KPI file in which columns have some values: it has a row a line."""
    needles = [json.dumps(text, ensure_ascii=False).strip('"') for text in wanted.values()]
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{") and all(needle in line for needle in needles):
                row = json.loads(line.rstrip().rstrip(","), parse_float=str)
                if _fits(row, wanted):
                    yield row


def _computed(kpi: str, frame: pd.DataFrame) -> Iterator[Value]:
    kinds = DEFINITIONS[kpi].columns
    for row in frame.itertuples(index=False, name=None):
        yield {name: _plain(kind, value) for (name, kind), value in zip(kinds.items(), row, strict=True)}


def _plain(kind: str, value: Any) -> str | int:
    if kind == "paise":
        return results.rupees(int(value))
    return int(value) if kind == "count" else str(value)[:10] if kind == "date" else str(value)


def _fits(row: Value, wanted: Mapping[str, str]) -> bool:
    return all(_same(row[column], text) for column, text in wanted.items())


def _same(value: str | int, text: str) -> bool:
    return str(value) == text or (isinstance(value, int) and text.isdigit() and int(text) == value)


def _no_row(kpi: str, wanted: Mapping[str, str], every: Iterator[Value], day: date | None) -> str:
    """Say that no row is there, and which ones are."""
    if not wanted:
        return f"{kpi} has no row{f' up to {day}' if day else ': there are no orders'}"
    asked = " ".join(f"{column}={text}" for column, text in wanted.items())
    first, text = next(iter(wanted.items()))
    values = dict.fromkeys(str(row[first]) for row in every)
    up_to = f" up to {day}" if day else ""
    if text in values:
        return f"{kpi} has no row with {asked}{up_to}"
    return f"{kpi} has no row with {asked}{up_to}{meant(text, values)}"
