"""`make bench [SIZE=1000000] [RUNS=5]`: print each stage beside its peers, and write all as JSON."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import mariadb
import pandas as pd

from akasa.settings import ROOT
from bench import loads

PACKAGES = (
    "pandas",
    "numpy",
    "pyarrow",
    "dask",
    "deltalake",
    "lxml",
    "sqlalchemy",
    "pymysql",
    "duckdb",
    "polars",
)


def main(size: int, runs: int) -> None:
    mariadb.required()
    tables: dict[str, list[dict[str, Any]]] = {}
    for measured in (loads.measure(size, runs),):
        for title, rows in measured.items():
            print(f"\n{title}: medians of {runs} runs, ratio to the first")
            print(pd.DataFrame(rows).to_string(index=False), flush=True)
        tables |= measured
    file = ROOT / "outputs" / "bench" / "bench.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**surroundings(), "runs": runs, "tables": tables}, indent=1), "utf-8")
    print(f"\nwrote {file.relative_to(ROOT)}")


def surroundings() -> dict[str, Any]:
    """Return when and on what machine and versions this runs."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "processor": platform.machine()},
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
