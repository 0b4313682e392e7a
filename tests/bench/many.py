"""The four KPIs of ten times as many orders again, in 2 GB: ours beside DuckDB with that limit.

DuckDB is told its limit, and where to put what is beyond; its process may have more than its limit all the
same. Ours are told nothing: the largest resident set of the process, which the kernel notes, is held to it.
"""

from pathlib import Path
from typing import Any

from akasa.stores import warehouse
from bench import harness, kpis
from bench.harness import Clock

LIMIT_MB = 2000
prepare = kpis.prepare


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race` on a prepared folder."""
    contenders = {
        "akasa pandas": kpis.akasa_pandas,
        "DuckDB": duckdb_in_little,
        "akasa Dask, threads": kpis.akasa_dask,
    }
    return harness.race(contenders, (folder,), runs, warehouse.count("orders", kpis.settings_of(folder)))


def duckdb_in_little(clock: Clock, folder: Path) -> dict[str, str]:
    beyond = {"memory_limit": f"{LIMIT_MB}MB", "temp_directory": str(folder / "beyond")}
    return kpis.ask_duckdb(clock, folder, **beyond)
