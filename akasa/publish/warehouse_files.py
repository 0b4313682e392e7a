"""Change a Delta table by its files: only those in which rows leave, or that are small, are written anew.

So a publish costs what it brings, whatever the table holds. A file has at most ROWS_A_FILE rows, in the order
of their keys. Rows that come go into files of their own, together with those of small files of the month (or
of the table, where it has no months): each day would else leave one more.
"""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from akasa.stores import arrow, warehouse
from akasa.workspace.storage import Bucket, Folder

ROWS_A_FILE = 262_144
FILE = "__filename"  # what Arrow calls a column of the file that each row is from
MONTH = "order_month"
_WITH_RANGE = (arrow.TEXT, arrow.WHOLE, pa.date32())  # as JSON has them, whole
# Who has committed meanwhile may have written the same rows: an append would be done again behind them.
_AS_IT_WAS_READ = CommitProperties(max_commit_retries=0)

Action = AddAction | RemoveAction


class _File(NamedTuple):
    """A file of a table: its path below the table's folder, how many rows it has, and its month, if any."""

    path: str
    rows: int
    month: str | None


def written(
    place: Folder | Bucket,
    name: str,
    table: DeltaTable,
    keys: Sequence[str],
    rows: pa.Table,
    leaving: pa.Array,
    touched: set[str],
) -> list[Action]:
    """Write the files of a change, and return what `commit` is to make of the table.

    `rows` come, in the table's columns; those with a key among the `leaving` ones go, be they in the
    `touched` files. `keys` are the table's, that one first. No reader sees the files before the commit.
    """
    coming = _by_month(rows)
    actions: list[Action] = []
    for file in _files(table):
        joins = file.rows < ROWS_A_FILE // 2 and file.month in coming
        if not joins and file.path not in touched:
            continue
        there = pq.read_table(file.path, filesystem=place.file_system(name), partitioning=None)
        stays = there.filter(pc.invert(pc.is_in(there[keys[0]], value_set=leaving)))
        actions.append(RemoveAction(file.path, True, _now()))
        if joins:
            coming[file.month].append(stays)
        else:
            actions += _added(place, name, stays, file.month)
    for month, parts in coming.items():
        in_order = pa.concat_tables(parts).sort_by([(key, "ascending") for key in keys])
        actions += _added(place, name, in_order, month)
    return actions


def commit(table: DeltaTable, name: str, actions: list[Action]) -> None:
    """Commit a change, of which every reader sees all or nothing.

    Raises CommitFailedError where another writer has committed since the table was opened.
    """
    shape = warehouse.SCHEMAS[name]
    months = [MONTH] if MONTH in shape.names else []
    try:
        table.create_write_transaction(actions, "append", shape, months, commit_properties=_AS_IT_WAS_READ)
    except CommitFailedError as error:
        raise CommitFailedError(f"{name} was changed by a concurrent transaction ({error})") from error
    table.load_as_version(table.version() + 1)  # and not what others commit from now on


def _files(table: DeltaTable) -> list[_File]:
    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [_File(one["path"], one["num_records"], one.get(f"partition.{MONTH}")) for one in found]


def _by_month(rows: pa.Table) -> dict[str | None, list[pa.Table]]:
    """Return the rows of each month, without it: the folder tells it. Of a table without months, all."""
    if MONTH not in rows.column_names:
        return {None: [rows]} if len(rows) else {}
    return {
        month: [rows.filter(pc.equal(rows[MONTH], month)).drop_columns(MONTH)]
        for month in rows[MONTH].unique().to_pylist()
    }


def _added(place: Folder | Bucket, name: str, rows: pa.Table, month: str | None) -> Iterator[AddAction]:
    files, folder = place.file_system(name), f"{MONTH}={month}/" if month else ""
    place.make_room(name, folder)
    for first in range(0, len(rows), ROWS_A_FILE):
        part, path = rows.slice(first, ROWS_A_FILE), f"{folder}part-{uuid.uuid4()}.parquet"
        pq.write_table(part.replace_schema_metadata(), path, filesystem=files)
        about = json.dumps(_statistics(part), default=date.isoformat)
        size, months = files.get_file_info(path).size, {MONTH: month} if month else {}
        yield AddAction(path, size, months, _now(), True, about)


def _statistics(rows: pa.Table) -> dict[str, object]:
    """Return what Delta notes of a file: by it, readers leave files shut."""
    ranges = {
        column.name: pc.min_max(rows[column.name])
        for column in rows.schema
        if column.type in _WITH_RANGE and rows[column.name].null_count < len(rows)
    }
    return {
        "numRecords": len(rows),
        "minValues": {name: found["min"].as_py() for name, found in ranges.items()},
        "maxValues": {name: found["max"].as_py() for name, found in ranges.items()},
        "nullCount": {name: rows[name].null_count for name in rows.column_names},
    }


def _now() -> int:
    """Return the time in milliseconds, as Delta's log has it."""
    return int(time.time() * 1000)
