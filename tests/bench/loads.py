"""Publishing orders: ours beside the peers, on the same rows, in turns, in one run."""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from statistics import median

import mariadb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import insert

from akasa import database, load, migrate
from akasa.models import Order
from akasa.settings import Settings

COLUMNS = [column.name for column in Order.__table__.columns]
LEDGER = {
    "sha256": "0" * 64,
    "delivery_id": 1,
    "position": "0\t\torders.xml\t000000",
    "name": "orders.xml",
    "kind": "orders",
    "amount_is": "order",
    "delivered_on": date(2025, 11, 10),
    "records": 0,
    "accepted": 0,
    "rejected": 0,
    "repeats": 0,
    "published_at": datetime(2025, 11, 10),
}


def orders(number: int) -> pd.DataFrame:
    """Return random orders in random key order, as `publish.latest` gives them."""
    rng = np.random.default_rng(1)
    when = np.datetime64("2025-01-01T00:00:00", "us") + rng.integers(0, 300 * 86_400, number) * 1_000_000
    return pd.DataFrame(
        {
            "order_id": pd.Series([f"ORD-2025-{i:08d}" for i in rng.permutation(number)], dtype="str"),
            "mobile_number": pd.Series((9_000_000_000 + rng.integers(0, number // 5, number)).astype(str)),
            "order_date_time": when,
            "order_date": when.astype("datetime64[D]").astype("datetime64[s]"),
            "total_amount_paise": rng.integers(100, 10_000_000, number),
            "delivery_id": 1,
        }
    )


def ours(settings: Settings, frame: pd.DataFrame) -> None:
    nothing = {
        "customers": ["customer_id", "customer_name", "mobile_number", "region", "delivery_id"],
        "order_items": ["order_id", "sku_id", "sku_count", "amount_paise", "delivery_id"],
    }
    empty = {name: pd.DataFrame(columns=columns) for name, columns in nothing.items()}
    load.publish(settings, {"orders": frame, **empty}, [LEDGER])


def sqlalchemy_executemany(settings: Settings, frame: pd.DataFrame) -> None:
    rows = frame.assign(order_date=frame["order_date"].dt.date).to_dict("records")
    with database.transaction(settings) as connection:
        connection.execute(insert(Order), rows)


def raw_sqlite_executemany(settings: Settings, frame: pd.DataFrame) -> None:
    rows = list(_rows(frame))
    with sqlite3.connect(settings.data_dir / "akasa.db") as connection:
        marks = ", ".join("?" for _ in COLUMNS)
        upsert = ", ".join(f"{c} = excluded.{c}" for c in COLUMNS[1:])
        connection.executemany(
            f"insert into orders ({', '.join(COLUMNS)}) values ({marks}) "
            f"on conflict (order_id) do update set {upsert}",
            rows,
        )
    connection.close()


def hand_written_load_data(settings: Settings, frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        table = pa.table({c: load._plain(frame[c]) for c in COLUMNS})
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, quoting_style="none"))
        with database.transaction(settings, local_infile=True) as connection:
            connection.exec_driver_sql(
                f"load data local infile '{file}' into table orders "
                f"fields terminated by ',' ({', '.join(COLUMNS)})"
            )


def driver_executemany(settings: Settings, frame: pd.DataFrame) -> None:
    with database.transaction(settings) as connection:
        marks = ", ".join("%s" for _ in COLUMNS)
        connection.exec_driver_sql(
            f"insert into orders ({', '.join(COLUMNS)}) values ({marks})", list(_rows(frame))
        )


def measure(number: int, runs: int) -> list[dict[str, object]]:
    """Return engine, what, seconds (median), rows_per_second and ratio to the first of its engine."""
    frame = orders(number)
    rows: list[dict[str, object]] = []
    contenders = {
        "SQLite": (raw_sqlite_executemany, ours, sqlalchemy_executemany),
        "MariaDB": (hand_written_load_data, ours, driver_executemany, sqlalchemy_executemany),
    }
    for engine, functions in contenders.items():
        seconds: dict[str, list[float]] = {function.__name__: [] for function in functions}
        for _ in range(runs):
            for function in functions:
                with _database(engine) as settings:
                    seconds[function.__name__].append(_timed(function, settings, frame))
        peer = median(seconds[functions[0].__name__])
        for name, taken in seconds.items():
            middle = median(taken)
            rows.append(
                {
                    "engine": engine,
                    "what": name,
                    "seconds": round(middle, 2),
                    "rows_per_second": round(number / middle),
                    "ratio": round(middle / peer, 2),
                }
            )
    return rows


def _timed(
    function: Callable[[Settings, pd.DataFrame], None], settings: Settings, frame: pd.DataFrame
) -> float:
    began = time.perf_counter()
    function(settings, frame)
    taken = time.perf_counter() - began
    found = database.query(
        "select count(*) as n, sum(total_amount_paise) as paise from orders", settings
    ).iloc[0]
    assert (int(found["n"]), int(found["paise"])) == (len(frame), int(frame["total_amount_paise"].sum()))
    return taken


@contextmanager
def _database(engine: str) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder) / "outputs")
        if engine == "SQLite":
            migrate.upgrade(settings)
            yield settings
            return
        with mariadb.server(Path(folder)) as server:
            where = {name.lower(): value for name, value in server.create("akasa").items()}
            settings = Settings(data_dir=settings.data_dir, db_local_infile=True, **where)
            migrate.upgrade(settings)
            yield settings
            database._engine.cache_clear()


def _rows(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    return zip(*(load._plain(frame[c]).to_pylist() for c in COLUMNS), strict=True)
