"""The engines: SQL on the database, pandas and Dask on the warehouse; each computes every KPI by itself.

An engine is the module of its name. `source(settings)` gives what it computes from. pandas and dask have one
function a KPI, of its name: (source, as_of, …) → the canonical frame. SQL has one file a KPI.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from datetime import date
from functools import partial
from importlib import import_module
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS, resolve_as_of
from akasa.stores import database, published, warehouse
from akasa.workspace import progress, storage
from akasa.workspace.settings import Settings

ENGINES = ("sql", "pandas", "dask")
IN_MEMORY = {"pandas": ("pandas",), "dask": ("dask",), "both": ("pandas", "dask")}
CHOICES = {"sql": ("sql",), **IN_MEMORY}
_SIDE_BY_SIDE = 2  # KPIs; of four, two take most of the time, and each may hold a sum for every customer

Frames = dict[str, pd.DataFrame]


def chosen(engine: str) -> tuple[str, ...]:
    """Return the engines that a word names. Raises ValueError that lists the words there are."""
    if engine not in CHOICES:
        raise ValueError(f"engine is {engine!r}; it can be {', '.join(CHOICES)}")
    return CHOICES[engine]


def place(settings: Settings, engine: str) -> str:
    """Return where in-memory engines compute, as Markdown.

    Raises ClusterUnavailable where no scheduler answers.
    """
    from akasa.workspace import cluster

    engines = chosen(engine)
    dask = [cluster.place(settings.dask_scheduler_address)] if "dask" in engines else []
    return " ".join([*dask, *(["pandas runs in this process."] if "pandas" in engines else [])])


def last_day(settings: Settings, engine: str, as_of: str | None) -> date | None:
    """Return the day up to which orders count: `as_of`, else the latest order's in the engine's own store.

    None where there is no order. Raises NothingPublished where there is nothing to compute from.
    """
    for one in chosen(engine):
        published.require(settings, one)
    store = database if engine == "sql" else warehouse
    return resolve_as_of(as_of, None if as_of else store.latest_order_date(settings))


def compute(
    settings: Settings,
    engine: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> dict[str, Frames]:
    """Return engine → KPI → canonical frame of the engines that a word names (sql, pandas, dask, both).

    Money is in paise; frames have no rows where `as_of` is None.
    """
    with _faults(settings, engine):
        sources = {name: _module(name).source(settings) for name in chosen(engine)}
        return compute_from(sources, as_of, window_days, top_n)


def compute_from(
    sources: Mapping[str, Any], as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> dict[str, Frames]:
    """Return engine → KPI → canonical frame, of what each engine is to compute from."""
    return {
        engine: _side_by_side(
            partial(_frame, engine, source, as_of=as_of, window_days=window_days, top_n=top_n)
        )
        for engine, source in sources.items()
    }


def _side_by_side(compute: Callable[[str], pd.DataFrame]) -> Frames:
    """Return KPI → what `compute` gives for it. Who interrupts does not wait for what has begun."""
    pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
    try:
        begun = {kpi: pool.submit(copy_context().run, compute, kpi) for kpi in DEFINITIONS}
        return {kpi: future.result() for kpi, future in begun.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def compute_one(
    settings: Settings,
    engine: str,
    kpi: str,
    as_of: date | None,
    window_days: int = WINDOW_DAYS,
    top_n: int = TOP_N,
) -> pd.DataFrame:
    """Return one KPI's canonical frame by one engine, money in paise."""
    with _faults(settings, engine):
        return _frame(engine, _module(engine).source(settings), kpi, as_of, window_days, top_n)


def function(engine: str, kpi: str) -> Any:
    """Return what computes a KPI in an engine: (source, as_of, …) → the canonical frame."""
    module = _module(engine)
    return partial(module.answer, kpi) if engine == "sql" else getattr(module, kpi)


def _frame(
    engine: str, source: Any, kpi: str, as_of: date | None, window_days: int, top_n: int
) -> pd.DataFrame:
    progress.tell(f"{engine}: {kpi}")
    given = {"window_days": window_days, "top_n": top_n}
    options = {option: given[option] for option in DEFINITIONS[kpi].options}
    found: pd.DataFrame = function(engine, kpi)(source, as_of, **options)
    return found


def _faults(settings: Settings, engine: str) -> AbstractContextManager[None]:
    """Tell what is wrong with the warehouse's bucket in one sentence; SQL does not look there."""
    return nullcontext() if engine == "sql" else storage.warehouse(settings).faults()


def _module(engine: str) -> Any:
    return import_module(f"akasa.kpis.{engine}")
