"""Publish rows in bulk: into temporary tables at the driver's own speed, then one ordered merge.

Rows are staged in the order of their keys, so that the merge needs no sort and fills pages one after another.
Rows and ledger commit in one transaction. On MySQL and MariaDB no statement here commits by itself: of DDL
only CREATE TEMPORARY TABLE doesn't.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from akasa.stores import database
from akasa.stores.models import Base
from akasa.workspace.failpoints import reached
from akasa.workspace.settings import Settings

TABLES = {"customers": "customer_id", "orders": "order_id", "order_items": "order_id"}

_SUPERSEDED = """
from new_{table}
join {table} on {table}.{key} = new_{table}.{key}
join deliveries as published on published.delivery_id = {table}.delivery_id
join deliveries as arriving on arriving.delivery_id = new_{table}.delivery_id
where published.position > arriving.position
"""
_DAYS_LEFT = """
select distinct orders.order_date from new_orders join orders on orders.order_id = new_orders.order_id
"""
_ROWS_A_BATCH = 65_536


class AlteredRows(RuntimeError):
    """The server changed or lost rows while it took them in; nothing was committed."""


def publish(
    settings: Settings,
    tables: Mapping[str, pd.DataFrame],
    ledger_rows: Sequence[Mapping[str, Any]],
    replace_all: bool = False,
) -> set[str]:
    """Commit accepted rows and their ledger rows in one transaction; return the months that orders left.

    `tables` holds customers, orders and order_items, one row a key, each with its `delivery_id`.
    A row yields to the one that is there when that one's delivery stands later in the order of deliveries,
    so it does not matter in which order deliveries are published. `replace_all` empties the tables first.

    Raises AlteredRows where the server did not take rows in as they are. A connection lost at the commit is
    no failure when the ledger, read again, shows that the commit was done.
    """
    shas = {row["sha256"] for row in ledger_rows}
    with _committed(settings, lambda ledger: shas <= set(ledger["sha256"])) as connection:
        return _publish(connection, tables, ledger_rows, replace_all, settings.db_local_infile)


def replace(
    settings: Settings,
    gone: "pd.Series[str]",
    tables: Mapping[str, pd.DataFrame],
    changed: "pd.Series[int]",
    now: datetime,
) -> None:
    """Take orders out with their items, and put others in, in one transaction with the ledger's marks.

    `gone` holds order ids; `tables` orders and order_items, none of which may be there once `gone` is out.
    `changed` maps the delivery_id of each delivery concerned to the number of rows that it gains (or loses).

    Raises as `publish` does.
    """
    infile = settings.db_local_infile

    def marked(ledger: pd.DataFrame) -> bool:
        there = ledger.set_index("delivery_id")["backfilled_at"][changed.index]
        return bool((pd.to_datetime(there) == now).all())

    with _committed(settings, marked) as connection:
        _stage(connection, "orders", gone.to_frame("order_id"), infile)
        for name in ("order_items", "orders"):
            _run(connection, _dialect(connection)["delete"].format(table=name))
        _drop(connection, "orders")
        for name in ("orders", "order_items"):
            _stage(connection, name, tables[name][_columns(name)], infile)
            _insert_staged(connection, name)
            _drop(connection, name)
        for delivery_id, rows in changed.items():
            _run(connection, _dialect(connection)["mark_backfill"], [(str(now), rows, delivery_id)])


@contextmanager
def _committed(settings: Settings, done: Callable[[pd.DataFrame], bool]) -> Iterator[Connection]:
    """Give a transaction. Where the line is lost at its commit, ask the ledger whether it was `done`."""
    try:
        with database.transaction(settings, settings.db_local_infile) as connection:
            yield connection
            reached("before the commit")
        reached("after the commit")
    except DBAPIError as error:
        if not error.connection_invalidated or not done(database.ledger(settings)):
            raise


def _publish(
    connection: Connection,
    tables: Mapping[str, pd.DataFrame],
    ledger_rows: Sequence[Mapping[str, Any]],
    replace_all: bool,
    infile: bool,
) -> set[str]:
    if replace_all:
        for name in (*TABLES, "deliveries"):
            _run(connection, f"delete from {name}")
    _insert(connection, "deliveries", _table(pd.DataFrame(ledger_rows)))
    _stage(connection, "orders", tables["orders"][_columns("orders")], infile)
    days = _run(connection, _DAYS_LEFT).scalars()
    months = {str(day)[:7] for day in days}
    superseded = _merge_latest(connection, "orders")
    _stage(connection, "customers", tables["customers"][_columns("customers")], infile)
    _merge_latest(connection, "customers")
    items = tables["order_items"]
    if superseded:
        items = items[~items["order_id"].isin(superseded)]
    _stage(connection, "order_items", items[_columns("order_items")], infile)
    _run(connection, _dialect(connection)["delete"].format(table="order_items"))
    _insert_staged(connection, "order_items")
    for name in TABLES:
        _drop(connection, name)
    return months


def _merge_latest(connection: Connection, name: str) -> list[str]:
    """Merge the staged rows but those that a later delivery has superseded; return the keys of those."""
    key = TABLES[name]
    which = _SUPERSEDED.format(table=name, key=key)
    superseded = list(_run(connection, f"select new_{name}.{key} {which}").scalars())
    if superseded:
        _run(connection, _dialect(connection)["yield"].format(table=name, key=key, which=which))
    columns = _columns(name)
    changed = [column for column in columns if column != key]
    _run(
        connection,
        f"insert into {name} ({', '.join(columns)}) select {', '.join(columns)} from new_{name} where true "
        f"order by {key} {_dialect(connection)['on_conflict'].format(key=key)} "
        + ", ".join(_dialect(connection)["set"].format(column=column) for column in changed),
    )
    return superseded


def _stage(connection: Connection, name: str, frame: pd.DataFrame, infile: bool) -> None:
    """Put rows into a temporary table `new_<name>` of their columns, in key order; count what arrived."""
    columns, keys = ", ".join(frame.columns), _keys(name)
    _drop(connection, name)  # a publish that failed may have left it on a pooled connection
    form = _dialect(connection)["form"].format(keys=", ".join(keys))
    _run(connection, f"create temporary table new_{name} {form} as select {columns} from {name} where 1 = 0")
    rows = _table(frame).sort_by([(key, "ascending") for key in keys])
    if infile and connection.dialect.name != "sqlite" and len(rows):
        _load_infile(connection, f"new_{name}", rows)
    else:
        _insert(connection, f"new_{name}", rows)
    arrived = _run(connection, f"select count(*) from new_{name}").scalar()
    if arrived != len(frame):
        raise AlteredRows(
            f"{name}: {len(frame):,} rows were sent, {arrived:,} arrived; nothing was committed"
        )


def _insert_staged(connection: Connection, name: str) -> None:
    columns, keys = ", ".join(_columns(name)), ", ".join(_keys(name))
    _run(connection, f"insert into {name} ({columns}) select {columns} from new_{name} order by {keys}")


def _drop(connection: Connection, name: str) -> None:
    _run(connection, f"drop {_dialect(connection)['temporary']} table if exists new_{name}")


def _load_infile(connection: Connection, name: str, rows: pa.Table) -> None:
    """Load rows with the server's own loader. Even in strict mode it alters bad values, so warnings abort."""
    columns = ", ".join(f"@{c}" if rows[c].null_count else c for c in rows.column_names)
    nulls = ", ".join(f"{c} = nullif(@{c}, '')" for c in rows.column_names if rows[c].null_count)
    with tempfile.TemporaryDirectory(prefix="akasa-load-") as folder:
        file = Path(folder) / "rows.csv"
        options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
        pa.csv.write_csv(rows, file, options)
        _run(
            connection,
            f"load data local infile '{file.as_posix()}' into table {name} character set utf8mb4 "
            "fields terminated by ',' optionally enclosed by '\"' escaped by '' "
            f"lines terminated by '\\n' ({columns}){f' set {nulls}' if nulls else ''}",
        )
    warnings = _run(connection, "show warnings").fetchall()
    if warnings:
        raise AlteredRows(f"{name}: the server warned of {len(warnings)} values, first: {warnings[0]}")


def _insert(connection: Connection, name: str, rows: pa.Table) -> None:
    """Insert rows with the driver's own batches: SQLAlchemy's executemany is many times slower."""
    marks = ", ".join(_dialect(connection)["mark"] for _ in rows.column_names)
    sql = f"insert into {name} ({', '.join(rows.column_names)}) values ({marks})"
    for start in range(0, len(rows), _ROWS_A_BATCH):
        columns = (column.to_pylist() for column in rows.slice(start, _ROWS_A_BATCH).columns)
        _run(connection, sql, list(zip(*columns, strict=True)))


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.table({column: _plain(frame[column]) for column in frame.columns})


def _plain(column: "pd.Series[Any]") -> pa.Array:
    """Return values as drivers and LOAD DATA take them: dates and times as ISO text."""
    values = pa.array(column, from_pandas=True)
    if column.name in ("order_date", "delivered_on"):
        values = values.cast(pa.date32())
    return values.cast(pa.string()) if pa.types.is_temporal(values.type) else values


def _run(
    connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]] | None = None
) -> CursorResult[Any]:
    reached(f"before {' '.join(sql.split()[:5])}")
    return connection.exec_driver_sql(sql, rows)


def _columns(table: str) -> list[str]:
    return [column.name for column in Base.metadata.tables[table].columns]


def _keys(table: str) -> list[str]:
    return [column.name for column in Base.metadata.tables[table].primary_key]


def _dialect(connection: Connection) -> Mapping[str, str]:
    if connection.dialect.name == "sqlite":
        return _SQLITE
    return _MARIADB if getattr(connection.dialect, "is_mariadb", False) else _MYSQL


_MARK_BACKFILL = """
update deliveries set backfilled_at = {0}, backfilled_rows = backfilled_rows + {0} where delivery_id = {0}
"""
_SQLITE = {
    "mark": "?",
    "mark_backfill": _MARK_BACKFILL.format("?"),
    "temporary": "",
    "form": "",
    "on_conflict": "on conflict ({key}) do update set",
    "set": "{column} = excluded.{column}",
    "delete": "delete from {table} where order_id in (select order_id from new_orders)",
    "yield": "delete from new_{table} where {key} in (select new_{table}.{key} {which})",
}
_MYSQL = {
    "mark": "%s",
    "mark_backfill": _MARK_BACKFILL.format("%s"),
    "temporary": "temporary",
    "form": "(primary key ({keys}))",
    "on_conflict": "on duplicate key update",
    "set": "{column} = values({column})",
    "delete": "delete {table} from new_orders join {table} on {table}.order_id = new_orders.order_id",
    "yield": "delete new_{table} {which}",
}
# Aria, MariaDB's own engine for temporary tables, takes rows in nearly twice as fast as InnoDB.
_MARIADB = {**_MYSQL, "form": "engine = aria transactional = 0"}
