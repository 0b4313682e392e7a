"""What the stages are held to: ratios between rows of one run's tables, and peaks of memory."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import ge, le
from typing import Any

Tables = Mapping[str, list[dict[str, Any]]]
Find = Callable[..., float]
Target = tuple[str, str, float, Callable[[Find], float]]

MORE = 10
_HOLDS = {"≤": le, "≥": ge}


class NotMeasured(LookupError):
    """The run left out the stage that a target speaks of."""


def judge(tables: Tables, size: int) -> list[dict[str, Any]]:
    """Return a row for each target whose stage was measured: target, limit, measured, met."""
    find, found = partial(_find, tables), []
    for what, sign, limit, measure in targets(size):
        try:
            measured = measure(find)
        except NotMeasured:
            continue
        met = "yes" if _HOLDS[sign](measured, limit) else "NO"
        found.append(
            {"target": what, "limit": f"{sign} {limit:g}", "measured": f"{measured:.2f}", "met": met}
        )
    return found


def targets(size: int) -> tuple[Target, ...]:
    """Return what is measured, the limit's sign and the limit, and how it is found in the tables."""
    once, more = f"{size:,} lines", f"{MORE * size:,} lines"
    peers = ("DuckDB", "DuckDB, each query by itself", "Polars", "DataFusion", "chDB")
    return (
        ("orders XML / empty expat pass", "≤", 2, lambda of: of("reading", "ours", "ratio")),
        ("pandas.read_xml / orders XML", "≥", 9, lambda of: of("reading", "pandas") / of("reading", "ours")),
        ("ElementTree / orders XML", "≥", 3.5, lambda of: of("reading", "element") / of("reading", "ours")),
        ("orders XML, peak MB", "≤", 400, lambda of: of("reading", "ours", "peak_mb")),
        ("clean + rules / plain pass", "≤", 3, lambda of: of("judging", "akasa", "ratio")),
        (
            "the same with profiles / without",
            "≤",
            1.15,
            lambda of: of("judging", "akasa clean + rules + profile") / of("judging", "akasa clean + rules"),
        ),
        ("MariaDB / hand-written LOAD DATA", "≤", 1.2, lambda of: of("into MariaDB", "ours", "ratio")),
        (
            "the same, its keys in order",
            "≤",
            1.2,
            lambda of: of("into MariaDB", "ours") / of("into MariaDB", "hand_written_load_data_in"),
        ),
        (
            "SQLAlchemy executemany / MariaDB",
            "≥",
            3,
            lambda of: of("into MariaDB", "sqlalchemy") / of("into MariaDB", "ours"),
        ),
        ("SQLite / raw executemany", "≤", 1.5, lambda of: of("into SQLite", "ours", "ratio")),
        (
            "the same, its keys in order, 256 MB of cache",
            "≤",
            1.5,
            lambda of: of("into SQLite", "ours") / of("into SQLite", "raw_sqlite3_at"),
        ),
        (
            "a day onto many orders / onto few",
            "≤",
            1.3,
            lambda of: of("a day", f"a day onto {MORE * size:,}", "ratio"),
        ),
        (
            f"a backlog of {MORE} deliveries / one, peak",
            "≤",
            1.2,
            lambda of: of("backlog", f"a backlog of {MORE}", "ratio"),
        ),
        ("warehouse on disk / its rows, 60 days", "≤", 2.5, lambda of: of("disk", "after 60", "ratio")),
        (
            "fastest of DuckDB, Polars, DataFusion, chDB / pandas KPIs",
            "≥",
            1.5,
            lambda of: _fastest(of, "KPIs", peers) / of("KPIs", "akasa pandas"),
        ),
        ("pandas KPIs, peak MB", "≤", 1500, lambda of: of("KPIs", "akasa pandas", "peak_mb")),
        (
            "Dask KPIs in threads / pandas KPIs",
            "≤",
            1.2,
            lambda of: of("KPIs", "akasa Dask, threads", "ratio"),
        ),
        (
            "many orders: DuckDB in 2 GiB / pandas KPIs",
            "≥",
            1.2,
            lambda of: of("in 2 GiB", "DuckDB", "ratio"),
        ),
        ("the same, peak MB", "≤", 2147, lambda of: of("in 2 GiB", "akasa pandas", "peak_mb")),
        ("SQL KPIs / hand-written SQL on SQLite", "≤", 1.2, lambda of: of("SQL on", "akasa SQL", "ratio")),
        ("report on the sample / empty notebooks", "≤", 0.75, lambda of: of("sample", "report", "ratio")),
        ("the same, nothing new / empty notebooks", "≤", 0.1, lambda of: of("sample", "the same", "ratio")),
        (
            f"report beyond the sample's / empty expat pass, {once}",
            "≤",
            6,
            lambda of: of("make report on a deliv", once, "ratio"),
        ),
        (f"report, {once}, peak MB", "≤", 1500, lambda of: of("on a delivery", once, "peak_mb")),
        (
            f"report, {more} / {once}",
            "≤",
            10,
            lambda of: of("on a delivery", more) / of("on a delivery", once),
        ),
        (f"report, {more}, peak MB", "≤", 1500, lambda of: of("on a delivery", more, "peak_mb")),
    )


def _fastest(of: Find, title: str, contenders: Sequence[str]) -> float:
    """Return the least seconds of those contenders that took part."""
    seconds = []
    for one in contenders:
        with suppress(NotMeasured):
            seconds.append(of(title, one))
    if not seconds:
        raise NotMeasured(title)
    return min(seconds)


def _find(tables: Tables, title: str, what: str, column: str = "seconds") -> float:
    """Return a value of the first row that begins with `what`, in the table whose title holds `title`."""
    rows = next((rows for name, rows in tables.items() if title in name), [])
    for row in rows:
        if row["what"].startswith(what):
            return float(row[column])
    raise NotMeasured(f"{title}: {what}")
