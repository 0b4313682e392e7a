"""Publishing orders into a database: ours beside what a careful user would write with the drivers."""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from lib import mariadb
from sqlalchemy import insert, inspect

from akasa.publish import database_load
from akasa.stores import database, migrate
from akasa.stores.models import ORDERS
from akasa.workspace.settings import Settings
from akasa.workspace.tables import TABLES
from bench.harness import Clock, race

Where = Mapping[str, str]
Answer = tuple[int, int]

COLUMNS = list(TABLES["orders"])
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


def orders(number: int, first: int = 0) -> pd.DataFrame:
    """Return random orders in random key order, as `publish.latest` gives them; `first` is the least key."""
    rng = np.random.default_rng(first)
    when = np.datetime64("2025-01-01T00:00:00", "us") + rng.integers(0, 300 * 86_400, number) * 1_000_000
    return pd.DataFrame(
        {
            "order_id": pd.Series(
                [f"ORD-2025-{first + i:08d}" for i in rng.permutation(number)], dtype="str"
            ),
            "mobile_number": pd.Series((9_000_000_000 + rng.integers(0, number // 5, number)).astype(str)),
            "order_date_time": when,
            "order_date": when.astype("datetime64[D]").astype("datetime64[s]"),
            "total_amount_paise": rng.integers(100, 10_000_000, number),
            "delivery_id": 1,
        }
    )


def ours(clock: Clock, number: int, where: Where) -> Answer:
    frame, settings = orders(number), emptied(where)
    empty = {name: pd.DataFrame(columns=[*columns]) for name, columns in TABLES.items() if name != "orders"}
    with clock:
        database_load.merge(settings, {"orders": frame, **empty}, [LEDGER])
    return published(settings)


def sqlalchemy_executemany(clock: Clock, number: int, where: Where) -> Answer:
    frame, settings = orders(number), emptied(where)
    with clock:
        rows = frame.assign(order_date=frame["order_date"].dt.date).to_dict("records")
        with database.transaction(settings) as connection:
            connection.execute(insert(ORDERS), rows)
    return published(settings)


def raw_sqlite3_executemany(clock: Clock, number: int, where: Where) -> Answer:
    return _raw_sqlite3(clock, orders(number), where)


def raw_sqlite3_at_its_best(clock: Clock, number: int, where: Where) -> Answer:
    """Give the driver what akasa takes care of itself: rows in key order, and as much cache."""
    with database.transaction(emptied(where)) as connection:
        cache = connection.exec_driver_sql("pragma cache_size").scalar_one()
    return _raw_sqlite3(clock, _in_key_order(orders(number)), where, f"pragma cache_size = {cache}")


def _raw_sqlite3(clock: Clock, frame: pd.DataFrame, where: Where, pragma: str = "") -> Answer:
    settings = emptied(where)
    with clock:
        marks = ", ".join("?" for _ in COLUMNS)
        upsert = ", ".join(f"{c} = excluded.{c}" for c in COLUMNS[1:])
        with sqlite3.connect(settings.data_dir / "akasa.db") as connection:
            connection.execute(pragma)
            connection.executemany(
                f"insert into orders ({', '.join(COLUMNS)}) values ({marks}) "
                f"on conflict (order_id) do update set {upsert}",
                _rows(frame),
            )
        connection.close()
    return published(settings)


def hand_written_load_data(clock: Clock, number: int, where: Where) -> Answer:
    return _load_data(clock, orders(number), where)


def hand_written_load_data_in_key_order(clock: Clock, number: int, where: Where) -> Answer:
    return _load_data(clock, _in_key_order(orders(number)), where)


def _load_data(clock: Clock, frame: pd.DataFrame, where: Where) -> Answer:
    settings = emptied(where)
    with clock, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        table = pa.table({c: _plain(frame[c]) for c in COLUMNS})
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, quoting_style="none"))
        with database.transaction(settings, local_infile=True) as connection:
            connection.exec_driver_sql(
                f"load data local infile '{file}' into table orders "
                f"fields terminated by ',' ({', '.join(COLUMNS)})"
            )
    return published(settings)


def pymysql_executemany(clock: Clock, number: int, where: Where) -> Answer:
    frame, settings = orders(number), emptied(where)
    with clock, database.transaction(settings) as connection:
        marks = ", ".join("%s" for _ in COLUMNS)
        connection.exec_driver_sql(
            f"insert into orders ({', '.join(COLUMNS)}) values ({marks})", list(_rows(frame))
        )
    return published(settings)


SQLITE = (raw_sqlite3_executemany, raw_sqlite3_at_its_best, ours, sqlalchemy_executemany)
MARIADB = (
    hand_written_load_data,
    hand_written_load_data_in_key_order,
    ours,
    pymysql_executemany,
    sqlalchemy_executemany,
)


def measure(number: int, runs: int) -> dict[str, list[dict[str, Any]]]:
    """Return title → table: publishing orders into empty keyed tables of SQLite and of MariaDB."""
    with tempfile.TemporaryDirectory() as folder, mariadb.Server.running(Path(folder) / "server") as server:
        places = {
            "SQLite": (SQLITE, {"data_dir": folder}),
            "MariaDB": (MARIADB, {**server.create("bench"), "data_dir": folder, "db_local_infile": "1"}),
        }
        return {
            f"{number:,} orders into {name}": race(
                {one.__name__: one for one in contenders}, (number, where), runs, number
            )
            for name, (contenders, where) in places.items()
        }


def emptied(where: Where) -> Settings:
    """Return settings of a database that holds fresh, empty tables."""
    settings = Settings(**{name.lower(): value for name, value in where.items()})  # type: ignore[arg-type]
    if settings.db_host is None:
        (settings.data_dir / "akasa.db").unlink(missing_ok=True)
    else:
        with database.transaction(settings) as connection:
            for table in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"drop table {table}")
    migrate.upgrade(settings)
    return settings


def published(settings: Settings) -> Answer:
    found = database.query("select count(*) as n, sum(total_amount_paise) as paise from orders", settings)
    return int(found["n"][0]), int(found["paise"][0])


def _in_key_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("order_id", ignore_index=True)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    return zip(*(_plain(frame[c]).to_pylist() for c in COLUMNS), strict=True)


def _plain(column: "pd.Series[Any]") -> pa.Array:
    """Return values as the drivers take them: days and times as ISO text."""
    values = pa.array(column, from_pandas=True)
    if column.name == "order_date":
        values = values.cast(pa.date32())
    return values.cast(pa.string()) if pa.types.is_temporal(values.type) else values
