"""The database, SQLite or MySQL/MariaDB: its connections, queries and ledger."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    Select,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from akasa.stores import arrow, dialects, models
from akasa.stores.dialects import Sqlite
from akasa.workspace import files
from akasa.workspace.settings import Settings, load

# MariaDB moves sums of more than 16 MB to disk while it adds them up, which takes four times as long.
_SESSION = (
    "set time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,"
    "NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
    "/*M! , tmp_table_size = 268435456, max_heap_table_size = 268435456 */"
)
_ROWS_AT_A_TIME = 65_536
_KEYS_A_QUERY = 10_000
# With SQLite's own 2 MB, filling an index reads each page again and again. What it sorts is cut into runs of
# this length, and those of 256 MB take longer in all: they are more than a processor's cache holds.
_CACHE_KIBIBYTES = 32_768
_RECYCLE_SECONDS = 1800
_CONNECT_SECONDS = 10
_NOT_YET = {2003, 2013}  # nobody listens, or hangs up: what a server does that is still starting
_WHAT_TO_CHECK = {
    1044: "there is no such database, or it is not granted to this user (see docs/settings.md)",
    1045: "user or password is wrong: check DB_USER and DB_PASSWORD",
    1049: "there is no such database: create it (see docs/settings.md), or check DB_NAME",
    1698: "user or password is wrong: check DB_USER and DB_PASSWORD",
    2003: "no server answers there: check DB_HOST and DB_PORT, and that it runs",
    2005: "the host is unknown: check DB_HOST",
}


class DatabaseUnavailable(RuntimeError):
    """The database cannot be used; the message says which one and what to check, never the password."""


def url(settings: Settings) -> URL:
    """Return where the database is: MySQL or MariaDB where DB_HOST is set, else SQLite in DATA_DIR."""
    if settings.db_host is None:
        return URL.create("sqlite", database=str(settings.sqlite))
    return URL.create(
        "mysql+pymysql",
        username=settings.db_user,
        password=settings.db_password.get_secret_value() if settings.db_password else None,
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_name,
    )


def engine(settings: Settings, local_infile: bool = False, read_only: bool = False) -> Engine:
    """Return the engine of the settings' database; one a process for each, so that connections are pooled.

    `local_infile` lets the server ask this client for a file: for the loader's own connection only.
    With `read_only`, no transaction can write.
    """
    if settings.db_host is None and not settings.sqlite.exists():
        settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with files.private():
            settings.data_dir.mkdir(exist_ok=True)
            settings.sqlite.touch()
    return _engine(url(settings), local_infile, read_only)


def exists(settings: Settings) -> bool:
    """Say whether there is a database to connect to: SQLite's is made when it is first opened."""
    return settings.db_host is not None or settings.sqlite.exists()


@contextmanager
def transaction(settings: Settings, local_infile: bool = False) -> Iterator[Connection]:
    """Open a connection and a transaction that commits at the end, or rolls back on any error.

    Raises DatabaseUnavailable where there is no connection to be had.
    """
    with connection(settings, local_infile) as opened, opened.begin():
        yield opened


@contextmanager
def connection(
    settings: Settings, local_infile: bool = False, read_only: bool = False
) -> Iterator[Connection]:
    """Open a connection. Raises DatabaseUnavailable where there is none to be had within DB_WAIT seconds.

    That is also so where `local_infile` is asked for, and the server does not allow it.
    """
    with _opened(settings, engine(settings, local_infile, read_only)) as opened:
        if local_infile and settings.db_host is not None:
            _require_loader(settings, opened)
        yield opened


def query(sql: str, settings: Settings | None = None, **params: Any) -> pd.DataFrame:
    """Run one SQL query with bound parameters (`:name`) and return its rows as a frame. It cannot write."""
    with connection(settings or load(), read_only=True) as opened:
        result = opened.execute(text(sql), params)
        # pandas reads tuples several times as fast as SQLAlchemy's rows.
        return pd.DataFrame(map(tuple, result), columns=list(result.keys()))


def explain(sql: str, settings: Settings, **params: Any) -> str:
    """Return the database's own plan of a query: a line a step, indented."""
    spoken = dialect(settings)
    steps = query(f"{spoken.explain} {sql}", settings, **params).astype(object)
    return spoken.plan(steps.where(steps.notna(), None).to_dict("records"))


def dialect(settings: Settings) -> Sqlite:
    """Return the dialect that the settings' database speaks."""
    with connection(settings) as opened:
        return dialects.of(opened)


def server(settings: Settings) -> tuple[str, str]:
    """Return which database it is and its version: `("SQLite", "3.40.1")`."""
    with connection(settings, read_only=True) as opened:
        spoken = dialects.of(opened)
        return spoken.name, str(opened.exec_driver_sql(spoken.version).scalar_one())


def ledger(settings: Settings) -> pd.DataFrame:
    """Return the ledger of published deliveries in delivery order, all its columns; times as text."""
    found = query("select * from deliveries order by position", settings)
    whole = dict.fromkeys(("delivery_id", "records", "accepted", "rejected", "repeats"), "int64")
    times = dict.fromkeys(("delivered_on", "published_at", "backfilled_at"), "str")
    typed = found.astype({**whole, **times, "rules_version": "Int64"})
    return typed.fillna({"backfilled_at": ""})


def sightings(settings: Settings) -> pd.DataFrame:
    """Return every name under which bytes ever lay: name, revision, kind, sha256, day, withdrawn, seen_on.

    Days are text; a database that lacks a migration knows no seen_on.
    """
    found = query("select * from sightings order by name, revision", settings)
    found = found if "seen_on" in found else found.assign(seen_on=None)
    return found.astype({"revision": "int64", "day": "str", "withdrawn": "bool", "seen_on": "str"})


def rows(settings: Settings, table: str, *where: ColumnElement[bool]) -> pa.Table:
    """Return all columns of a published table's rows for which every condition holds."""
    columns, shape = models.METADATA.tables[table].columns, arrow.SCHEMAS[table]
    with connection(settings) as opened:
        found = opened.execution_options(yield_per=_ROWS_AT_A_TIME).execute(select(*columns).where(*where))
        batches = [_batch(part, shape) for part in found.partitions()]
    return pa.Table.from_batches(batches, shape)


def selected(settings: Settings, wanted: Select[Any], shape: pa.Schema) -> pa.Table:
    """Return what a query selects, in little memory, however much it is."""
    with connection(settings, read_only=True) as opened:
        found = opened.execution_options(yield_per=_ROWS_AT_A_TIME // 4).execute(wanted)
        batches = [_batch(part, shape) for part in found.partitions()]
    return pa.Table.from_batches(batches, shape)


def rows_of(settings: Settings, column: ColumnElement[Any], keys: Sequence[str]) -> pa.Table:
    """Return all columns of a published table's rows in which a column has one of some values."""
    table = column.table.name
    parts = [list(keys[at : at + _KEYS_A_QUERY]) for at in range(0, len(keys), _KEYS_A_QUERY)]
    return pa.concat_tables(
        [arrow.SCHEMAS[table].empty_table(), *(rows(settings, table, column.in_(part)) for part in parts)]
    )


def latest_order_date(settings: Settings) -> date | None:
    """Return the latest published order date, or None where no order was published."""
    (latest,) = query("select max(order_date) as latest from orders", settings)["latest"]
    return date.fromisoformat(str(latest)) if latest else None


def orders_up_to(settings: Settings, as_of: date | None) -> tuple[int, int]:
    """Return how many orders there are up to a day, and their revenue in paise; none where it is None."""
    counted = "select count(*) as orders, coalesce(sum(total_amount_paise), 0) as paise from orders"
    day = as_of.isoformat() if as_of else None
    found = query(f"{counted} where order_date <= :as_of", settings, as_of=day).iloc[0]
    return int(found["orders"]), int(found["paise"])


def rows_by_delivery(settings: Settings, table: str) -> dict[int, int]:
    """Return delivery_id → how many rows of a table are its. SQLite sorts all of them: in little memory."""
    delivery = models.METADATA.tables[table].columns["delivery_id"]
    wanted = select(delivery, func.count()).group_by(delivery)
    shape = pa.schema({"delivery_id": arrow.WHOLE, "rows": arrow.WHOLE})
    counted = selected(settings, wanted, shape).to_pydict()
    return dict(zip(counted["delivery_id"], counted["rows"], strict=True))


def _opened(settings: Settings, among: Engine) -> Connection:
    until = time.monotonic() + settings.db_wait
    while True:
        try:
            return among.connect()
        except OperationalError as error:
            if _number(error) not in _NOT_YET or time.monotonic() >= until:
                raise _unavailable(settings, error) from None
        time.sleep(min(1, max(0, until - time.monotonic())))


def _number(error: OperationalError) -> int | None:
    """Return the number of a server's or its driver's error."""
    first = error.orig.args[0] if error.orig and error.orig.args else None
    return first if isinstance(first, int) else None


def _batch(part: Sequence[Any], shape: pa.Schema) -> pa.RecordBatch:
    columns = zip(*part, strict=True)
    return pa.record_batch(
        [pa.array(column, kind) for column, kind in zip(columns, shape.types, strict=True)], schema=shape
    )


@cache
def _engine(where: URL, local_infile: bool, read_only: bool) -> Engine:
    if where.get_backend_name() == "sqlite":
        # A pooled connection would go on reading a database file that was deleted and made anew.
        made = create_engine(where, poolclass=NullPool, hide_parameters=True)
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", lambda opened: opened.exec_driver_sql("begin"))
        if read_only:
            event.listen(made, "connect", lambda opened, _: opened.execute("pragma query_only = on"))
        return made
    arguments = {
        "charset": "utf8mb4",
        "init_command": _SESSION,
        "connect_timeout": _CONNECT_SECONDS,
        "local_infile": local_infile,
    }
    made = create_engine(
        where,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
    )
    if read_only:
        # Of the session, not of the transaction: DDL would end a transaction, and then do what it wants.
        event.listen(
            made, "begin", lambda opened: opened.exec_driver_sql("set session transaction read only")
        )
    return made


def _prepare_sqlite(opened: Any, _: Any) -> None:
    """Stop the sqlite3 module from committing by itself, which would split a publish; give SQLite memory."""
    opened.isolation_level = None
    opened.execute(f"pragma cache_size = -{_CACHE_KIBIBYTES}")


def _require_loader(settings: Settings, opened: Connection) -> None:
    """Raise DatabaseUnavailable where the server takes no files of its clients: MySQL's default."""
    allowed = opened.exec_driver_sql("select @@local_infile").scalar()
    opened.rollback()
    if not allowed:
        raise DatabaseUnavailable(
            f"the server on {settings.db_host}:{settings.db_port} does not allow its bulk loader: unset "
            "DB_LOCAL_INFILE, or have its administrator run `set global local_infile = 1`"
        )


def _unavailable(settings: Settings, error: OperationalError) -> DatabaseUnavailable:
    number = _number(error)
    check = _WHAT_TO_CHECK.get(number or 0, str(error.orig))
    if settings.db_host is None:
        return DatabaseUnavailable(f"cannot open {settings.sqlite}: {check}")
    waited = f"; waited {settings.db_wait:g} s" if settings.db_wait and number in _NOT_YET else ""
    return DatabaseUnavailable(
        f"cannot use database {settings.db_name!r} as {settings.db_user!r} on "
        f"{settings.db_host}:{settings.db_port} (error {number}): {check}{waited}"
    )
