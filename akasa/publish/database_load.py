"""Write published rows to the database in bulk: into temporary tables at the driver's own speed, then merge.

Rows are staged in the order of their keys, so that the merge needs no sort and fills pages one after another.
Rows and ledger commit in one transaction. On MySQL and MariaDB no statement here commits by itself: of DDL
only CREATE TEMPORARY TABLE doesn't.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from akasa.stores import database, dialects, lock
from akasa.workspace.failpoints import reached
from akasa.workspace.rows import Rows, Table
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS, TABLES, VERSIONED

_DAYS_LEFT = """
select distinct orders.order_date from new_orders join orders on orders.order_id = new_orders.order_id
"""
_ROWS_A_BATCH = 16_384


class AlteredRows(RuntimeError):
    """The server changed or lost rows while it took them in; nothing was committed."""


def merge(
    settings: Settings,
    tables: Mapping[str, Table],
    ledger_rows: Sequence[Mapping[str, Any]],
    sightings: Sequence[Mapping[str, Any]] = (),
    placed: Mapping[str, tuple[str, str, datetime]] | None = None,
) -> set[str]:
    """Commit accepted rows, their ledger rows and sightings in one transaction; return months orders left.

    `tables` holds customers, orders and order_items, one row a key, each with its `delivery_id`; and all
    holdings of the numbers that have other ones now.
    A row yields to the one that is there when that one's delivery stands later in the order of deliveries,
    so it does not matter in which order deliveries are published. A delivery that is in the ledger already
    leaves first, with all its rows: they are weighed at their new position. `placed` maps the sha256 of
    others to the name and position that they have now, and the time (UTC).

    Raises AlteredRows where the server did not take rows in as they are, LockLost where it has freed the
    publish's lock meanwhile; nothing is committed then. A connection lost at the commit is
    no failure when the ledger, read again, shows that the commit was done.
    """
    rows = pd.DataFrame(ledger_rows)
    names = {(one["name"], one["revision"]) for one in sightings}

    def noted(ledger: pd.DataFrame, seen: pd.DataFrame) -> bool:
        published = ledger[["sha256", "published_at"]].itertuples(index=False, name=None)
        wanted = {(row["sha256"], str(row["published_at"])) for row in ledger_rows}
        return wanted <= set(published) and names <= set(zip(seen["name"], seen["revision"], strict=True))

    with _committed(settings, noted) as load:
        load.insert("sightings", to_arrow(pd.DataFrame(sightings)))
        load.place(placed or {})
        for row in ledger_rows:
            if load.forget(row["sha256"]):
                load.take_out(row["delivery_id"])
        load.insert("deliveries", to_arrow(rows))
        load.stage("orders", tables["orders"])
        months = {str(day)[:7] for day in load.run(_DAYS_LEFT).scalars()}
        superseded = load.drop_superseded("orders")
        load.merge_staged("orders")
        load.stage("customers", tables["customers"])
        load.drop_superseded("customers")
        load.merge_staged("customers")
        load.stage("order_items", tables["order_items"], superseded)
        load.delete_staged("order_items", "order_id", "new_orders")
        load.insert_staged("order_items")
        load.stage("holdings", tables["holdings"])
        load.delete_staged("holdings", "mobile_number")
        load.insert_staged("holdings")
        load.unstage()
    return months


def withdraw(settings: Settings, sha256: str, delivery_id: int, instead: Mapping[str, Table]) -> None:
    """Take a delivery's rows out, put others in their place, and forget it, in one transaction.

    `instead` holds the versions that stand in place of its own, and all holdings.

    Raises as `merge` does.
    """
    with _committed(settings, lambda ledger, _: sha256 not in set(ledger["sha256"])) as load:
        load.take_out(delivery_id)
        load.run("delete from holdings")
        for table in TABLES:
            load.stage(table, instead[table])
            load.insert_staged(table)
        load.unstage()
        load.forget(sha256)
        load.run(f"update sightings set withdrawn = 1 where sha256 = {load.dialect.mark}", [(sha256,)])


def replace(
    settings: Settings,
    gone: "pd.Series[str]",
    tables: Mapping[str, Table],
    ledger_rows: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Take orders out with their items, and put others in, in one transaction with the ledger's counts.

    `gone` holds order ids; `tables` orders and order_items, none of which may be there once `gone` is out.
    `ledger_rows` have what the ledger is to say of each delivery concerned; `now` is when it changes (UTC).

    Raises as `merge` does.
    """
    with _committed(settings, _backfilled(ledger_rows, now)) as load:
        load.stage("orders", gone.to_frame("order_id"))
        load.delete_staged("order_items", "order_id", "new_orders")
        load.delete_staged("orders", "order_id")
        for table in ("orders", "order_items"):
            load.stage(table, tables[table])
            load.insert_staged(table)
        load.unstage()
        load.note_backfill(ledger_rows, now)


def refill(
    settings: Settings,
    tables: Mapping[str, Table],
    ledger_rows: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Put rows in place of all that are there, in one transaction with the ledger's counts: see `replace`."""
    with _committed(settings, _backfilled(ledger_rows, now)) as load:
        for table in tables:
            load.run(f"delete from {table}")
            load.stage(table, tables[table])
            load.insert_staged(table)
        load.unstage()
        load.note_backfill(ledger_rows, now)


def _backfilled(
    ledger_rows: Sequence[Mapping[str, Any]], now: datetime
) -> Callable[[pd.DataFrame, pd.DataFrame], bool]:
    """Return what tells, by the ledger, whether a backfill of some deliveries was committed."""
    concerned = [row["sha256"] for row in ledger_rows]

    def done(ledger: pd.DataFrame, _: pd.DataFrame) -> bool:
        noted = ledger.set_index("sha256")["backfilled_at"][concerned]
        return bool((pd.to_datetime(noted) == now).all())

    return done


class Load:
    """The statements of one publish, on its connection; `infile`: rows are sent with the server's loader."""

    def __init__(self, connection: Connection, infile: bool) -> None:
        self.connection, self.dialect = connection, dialects.of(connection)
        self.infile = infile and connection.dialect.name != "sqlite"

    def run(self, sql: str, rows: Sequence[tuple[Any, ...]] | None = None) -> CursorResult[Any]:
        reached(f"before {' '.join(sql.split()[:5])}")
        return self.connection.exec_driver_sql(sql, rows)

    def place(self, placed: Mapping[str, tuple[str, str, datetime]]) -> None:
        """Give deliveries of the ledger other names, positions, and times of their publishing (UTC)."""
        mark = self.dialect.mark
        sql = (
            f"update deliveries set name = {mark}, position = {mark}, published_at = {mark} "
            f"where sha256 = {mark}"
        )
        for sha256, (name, position, now) in placed.items():
            self.run(sql, [(name, position, str(now), sha256)])

    def take_out(self, delivery_id: int) -> None:
        """Delete the rows of a delivery."""
        for table in VERSIONED:
            self.run(f"delete from {table} where delivery_id = {self.dialect.mark}", [(delivery_id,)])

    def forget(self, sha256: str) -> bool:
        """Take a delivery out of the ledger; say whether it was there."""
        gone = self.run(f"delete from deliveries where sha256 = {self.dialect.mark}", [(sha256,)])
        return gone.rowcount > 0

    def stage(self, table: str, rows: Table, without: Collection[str] = ()) -> None:
        """Put rows into a temporary table of the columns they have, in key order; count what arrived.

        Those that have one of some keys stay out.
        """
        columns = [column for column in TABLES[table] if isinstance(rows, Rows) or column in rows]
        self.run(self.dialect.unstage(table))  # a publish that failed may have left it on a pooled connection
        self.run(self.dialect.stage(table, columns))
        sent = 0
        for part in _in_key_order(table, rows, columns, without):
            self._send(f"new_{table}", part)
            sent += len(part)
        arrived = self.run(f"select count(*) from new_{table}").scalar()
        if arrived != sent:
            raise AlteredRows(f"{table}: {sent:,} rows were sent, {arrived:,} arrived; nothing was committed")

    def _send(self, table: str, rows: pa.Table) -> None:
        if self.infile and len(rows):
            self._send_file(table, rows)
        else:
            self.insert(table, rows)

    def unstage(self) -> None:
        for table in TABLES:
            self.run(self.dialect.unstage(table))

    def drop_superseded(self, table: str) -> list[str]:
        """Drop the staged rows that a later delivery has superseded; return their keys."""
        (key,) = KEYS[table]
        joined = f"""
        new_{table}
        join {table} on {table}.{key} = new_{table}.{key}
        join deliveries as published on published.delivery_id = {table}.delivery_id
        join deliveries as arriving on arriving.delivery_id = new_{table}.delivery_id
        where published.position > arriving.position
        """
        superseded = list(self.run(f"select new_{table}.{key} from {joined}").scalars())
        if superseded:
            self.run(self.dialect.delete(f"new_{table}", key, joined))
        return superseded

    def merge_staged(self, table: str) -> None:
        (key,) = KEYS[table]
        self.run(self.dialect.merge(table, list(TABLES[table]), key))

    def insert_staged(self, table: str) -> None:
        columns = ", ".join(TABLES[table])
        self.run(f"insert into {table} ({columns}) select {columns} from new_{table}")

    def delete_staged(self, table: str, key: str, staged: str | None = None) -> None:
        """Delete the rows that have a key of those that are staged: of the table itself, or another one."""
        staged = staged or f"new_{table}"
        joined = f"{staged} join {table} on {table}.{key} = {staged}.{key}"
        self.run(self.dialect.delete(table, key, joined))

    def note_backfill(self, ledger_rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Let the ledger count what was judged anew, and say when."""
        mark, columns = self.dialect.mark, ("records", "accepted", "rejected", "repeats", "rules_version")
        changes = ", ".join(f"{column} = {mark}" for column in (*columns, "backfilled_at"))
        sql = f"update deliveries set {changes} where sha256 = {mark}"
        for row in ledger_rows:
            self.run(sql, [(*(row[column] for column in columns), str(now), row["sha256"])])

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows with the driver's own batches: SQLAlchemy's executemany is many times slower."""
        if not len(rows):  # of nothing, no columns are known
            return
        several = max(1, self.dialect.parameters // rows.num_columns)
        alone, batch = len(rows) - len(rows) % several, _ROWS_A_BATCH - _ROWS_A_BATCH % several
        for start in range(0, alone, batch):
            self._insert(table, rows[start : min(start + batch, alone)], several)
        if alone < len(rows):
            self._insert(table, rows[alone:], 1)

    def _insert(self, table: str, rows: pa.Table, several: int) -> None:
        """Insert a batch, so many rows with each statement."""
        wide = rows.num_columns
        one = f"({', '.join([self.dialect.mark] * wide)})"
        sql = f"insert into {table} ({', '.join(rows.column_names)}) values {', '.join([one] * several)}"
        values = [None] * (len(rows) * wide)
        for place, column in enumerate(rows.columns):
            values[place::wide] = column.to_pylist()
        size = wide * several
        self.run(sql, [tuple(values[at : at + size]) for at in range(0, len(values), size)])

    def _send_file(self, table: str, rows: pa.Table) -> None:
        """Load rows with the server's own loader. It alters bad values even when strict: warnings abort."""
        columns = ", ".join(f"@{c}" if rows[c].null_count else c for c in rows.column_names)
        nulls = ", ".join(f"{c} = nullif(@{c}, '')" for c in rows.column_names if rows[c].null_count)
        with tempfile.TemporaryDirectory(prefix="akasa-load-") as folder:
            file = Path(folder) / "rows.csv"
            options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
            pa.csv.write_csv(rows, file, options)
            self.run(
                f"load data local infile '{file.as_posix()}' into table {table} character set utf8mb4 "
                "fields terminated by ',' optionally enclosed by '\"' escaped by '' "
                f"lines terminated by '\\n' ({columns}){f' set {nulls}' if nulls else ''}"
            )
        warnings = self.run("show warnings").fetchall()
        if warnings:
            raise AlteredRows(f"{table}: the server warned of {len(warnings)} values, first: {warnings[0]}")


@contextmanager
def _committed(settings: Settings, done: Callable[[pd.DataFrame, pd.DataFrame], bool]) -> Iterator[Load]:
    """Give a load in a transaction.

    Where the line is lost at its commit, ledger and sightings tell whether it was `done`.
    """
    infile = settings.db_local_infile
    try:
        with database.transaction(settings, infile) as connection:
            yield Load(connection, infile)
            lock.require_held(settings, connection)
            reached("before the commit")
        reached("after the commit")
    except DBAPIError as error:
        if not error.connection_invalidated or not done(
            database.ledger(settings), database.sightings(settings)
        ):
            raise


def _in_key_order(
    table: str, rows: Table, columns: list[str], without: Collection[str]
) -> Iterator[pa.Table]:
    """Yield rows part by part, as drivers take them, in key order: so they stand in a file already."""
    keys = [(key, "ascending") for key in KEYS[table] if key in columns]
    in_order = rows.tables(columns) if isinstance(rows, Rows) else (to_arrow(rows[columns]).sort_by(keys),)
    for part in map(_with_texts, in_order):
        if without:
            ids = part[keys[0][0]].cast(pa.string())
            part = part.filter(pc.invert(pc.is_in(ids, value_set=pa.array(without, pa.string()))))
        yield part


def _with_texts(rows: pa.Table) -> pa.Table:
    """Return rows with ISO text for dates and times."""
    temporal = [field.name for field in rows.schema if pa.types.is_temporal(field.type)]
    for name in temporal:
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, rows[name].cast(pa.string()))
    return rows


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return rows as drivers and LOAD DATA take them: dates and times as ISO text."""
    return pa.table({column: _plain(frame[column]) for column in frame.columns})


def _plain(column: "pd.Series[Any]") -> pa.Array:
    values = pa.array(column, from_pandas=True)
    if column.name in ("order_date", "delivered_on", "day", "seen_on", "from_day", "until_day"):
        values = values.cast(pa.date32())
    return values.cast(pa.string()) if pa.types.is_temporal(values.type) else values
