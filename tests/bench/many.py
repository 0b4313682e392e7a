"""The four KPIs of ten times as many orders again, in 2 GiB: ours beside DuckDB with that limit.

DuckDB is told its limit, where to put what is beyond, and that rows need no order of their own, which its
manual advises where memory is little: without that, one of six runs asked for more than the limit and failed.
Its process may have more than its limit all the same. Ours is told nothing, and runs with a kernel's settings
of memory: the largest resident set of its process, which the system notes, is held to the limit.
"""

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from akasa.run import kernel
from akasa.stores import warehouse
from bench import harness, kpis
from bench.harness import Clock

LIMIT_MB = 2147  # of 1,000,000 bytes: 2 GiB
prepare = kpis.prepare


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race` on a prepared folder."""
    contenders = {"akasa pandas": kpis.akasa_pandas, "DuckDB": duckdb_in_little}
    orders = warehouse.count("orders", kpis.settings_of(folder))
    with patch.dict(os.environ, kernel.MEMORY):
        return harness.race(contenders, (folder,), runs, orders)


def duckdb_in_little(clock: Clock, folder: Path) -> dict[str, str]:
    within = {
        "memory_limit": f"{LIMIT_MB}MB",
        "temp_directory": str(folder / "beyond"),
        "preserve_insertion_order": "false",
    }
    return kpis.ask_duckdb(clock, folder, **within)
