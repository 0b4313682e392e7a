"""`make bench [SIZE=1000000] [RUNS=5]`: print each stage beside its peers, and write all as JSON.

Readers and rules take SIZE order lines, loads SIZE orders; KPIs and a day's publish stand on ten times as
many orders, KPIs in little memory (many) on a hundred times as many; reports take a tenth, SIZE, and ten
times SIZE lines. ONLY=loads,kpis names some stages.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from lib import mariadb

from akasa.ingest import deliveries, generate, staging
from akasa.workspace import settings
from akasa.workspace.settings import Settings
from bench import (
    backlog,
    days,
    disk,
    judging,
    kpis,
    loads,
    many,
    reading,
    reports,
    sqlite_kpis,
    targets,
)

Tables = Mapping[str, list[dict[str, Any]]]
SEED, AN_ORDER_HAS_LINES, MORE = 1, 2, targets.MORE
BACKLOGS = (targets.MORE,)
AT_MOST = 3  # runs of what takes minutes
PACKAGES = [
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
]


def read(folder: Path, size: int, runs: int) -> Tables:
    xml, lines = _delivery(folder, size, dirty=0.01)
    return {f"reading {lines:,} order lines": reading.measure(xml, lines, runs)}


def judge(folder: Path, size: int, runs: int) -> Tables:
    xml, lines = _delivery(folder, size, dirty=0)
    staged = staging.stage(_found(xml.parent), folder)
    path = staging.path(folder, staged.kind, staged.sha256)
    return {f"cleaning and judging {lines:,} order lines": judging.measure(path, runs)}


def publish_days(folder: Path, size: int, runs: int) -> Tables:
    return {"publishing a day of 10,000 orders": days.measure(folder, size // MORE, MORE * size, runs)}


def catch_up(folder: Path, size: int, runs: int) -> Tables:
    lines = 3 * size // MORE
    return {f"a backlog of deliveries of {lines:,} lines": backlog.measure(folder, lines, BACKLOGS)}


def keep(folder: Path, size: int, runs: int) -> Tables:
    title = f"disk: {disk.DAY_ORDERS:,} orders and {disk.CUSTOMERS:,} customers a day, nothing retained"
    return {title: disk.measure(folder)}


def compute(folder: Path, size: int, runs: int) -> Tables:
    kpis.prepare(folder, MORE * size)
    found = {f"four KPIs of {MORE * size:,} orders": kpis.measure(folder, runs)}
    sqlite_kpis.prepare(folder)
    return {**found, f"SQL on SQLite, {MORE * size:,} orders": sqlite_kpis.measure(folder, runs)}


def compute_many(folder: Path, size: int, runs: int) -> Tables:
    orders = MORE * MORE * size
    many.prepare(folder, orders)
    return {f"in 2 GiB: {orders:,} orders": many.measure(folder, min(runs, AT_MOST))}


def run_all(folder: Path, size: int, runs: int) -> Tables:
    delivered = {}
    for lines in (size // MORE, size, MORE * size):
        xml, _ = _delivery(folder / str(lines), lines, dirty=0.01)
        delivered[lines] = xml.parent
    return reports.measure(folder, delivered, runs)


def put(folder: Path, size: int, runs: int) -> Tables:
    mariadb.required()
    return loads.measure(size, runs)


STAGES: dict[str, Callable[[Path, int, int], Tables]] = {
    "reading": read,
    "judging": judge,
    "loads": put,
    "days": publish_days,
    "backlog": catch_up,
    "disk": keep,
    "kpis": compute,
    "many": compute_many,
    "reports": run_all,
}


def main(size: int, runs: int, only: str) -> None:
    cfg = settings.load()
    file = cfg.output_dir / "bench" / f"{size}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[dict[str, Any]]] = {}
    for stage in only.split(",") if only else STAGES:
        with tempfile.TemporaryDirectory(prefix="akasa-bench-") as folder:
            measured = STAGES[stage](Path(folder), size, runs)
        for title, rows in measured.items():
            print(f"\n{title}: medians, ratio to the first")
            _print(rows)
        tables |= measured
        file.write_text(json.dumps({**surroundings(), "runs": runs, "tables": tables}, indent=1), "utf-8")
    print("\ntargets, meant for SIZE=1000000 and a machine that does nothing else")
    _print(targets.judge(tables, size))
    print(f"\nwrote {cfg.label(file)}")


def surroundings() -> dict[str, Any]:
    """Return when and on what machine and versions this runs."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "system": platform.system(),
            "processor": platform.machine(),
        },
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _print(rows: list[dict[str, Any]]) -> None:
    print(pd.DataFrame(rows).astype(object).fillna("").to_string(index=False), flush=True)


def _delivery(folder: Path, size: int, dirty: float) -> tuple[Path, int]:
    """Write a delivery of `size` lines or so; return its orders and how many lines they have."""
    source, orders = folder / "delivery", size // AN_ORDER_HAS_LINES
    generate.generate(source, orders=orders, customers=orders // 10, seed=SEED, dirty=dirty)
    xml = source / "orders.xml"
    with xml.open("rb") as stream:
        lines = sum(block.count(b"</order>") for block in iter(lambda: stream.read(1 << 24), b""))
    return xml, lines


def _found(source: Path) -> deliveries.Delivery:
    found = deliveries.find(Settings(data_dir=source)).deliveries
    return next(one for one in found if one.kind == "orders")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
