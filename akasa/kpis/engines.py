"""The four KPIs, computed independently by SQL, by pandas and by Dask from one set of definitions.

Each engine is a module with the functions repeat_customers, monthly_trends, regional_revenue and
top_spenders (source, as_of, …) → a canonical frame, and `load(settings)` that gives its source.
"""

from collections.abc import Mapping
from datetime import date
from importlib import import_module
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, TOP_N, WINDOW_DAYS
from akasa.workspace.settings import Settings

MODULES = {"sql": "akasa.kpis.sql", "pandas": "akasa.kpis.pandas", "dask": "akasa.kpis.dask"}
CHOICES = {"pandas": ("pandas",), "dask": ("dask",), "both": ("pandas", "dask")}


def in_memory(engine: str) -> tuple[str, ...]:
    """Return the in-memory engines that a choice of `engine` names. Raises ValueError for another word."""
    if engine not in CHOICES:
        raise ValueError(f"engine is {engine!r}; it can be {', '.join(CHOICES)}")
    return CHOICES[engine]


def load(engines: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    """Return what each engine computes from: engine → source."""
    return {name: import_module(MODULES[name]).load(settings) for name in engines}


def place(engines: tuple[str, ...], settings: Settings) -> str:
    """Return where the engines compute, as Markdown. Raises ClusterUnavailable where no scheduler answers."""
    from akasa.kpis import cluster

    dask = [cluster.place(settings.dask_scheduler_address)] if "dask" in engines else []
    return " ".join([*dask, *(["pandas runs in this process."] if "pandas" in engines else [])])


def compute(
    sources: Mapping[str, Any], as_of: date | None, window_days: int = WINDOW_DAYS, top_n: int = TOP_N
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return engine → KPI → canonical frame, of every engine in `sources`."""
    window: dict[str, dict[str, int]] = {"top_spenders": {"window_days": window_days, "top_n": top_n}}
    return {
        name: {
            kpi: getattr(import_module(MODULES[name]), kpi)(source, as_of, **window.get(kpi, {}))
            for kpi in DEFINITIONS
        }
        for name, source in sources.items()
    }
