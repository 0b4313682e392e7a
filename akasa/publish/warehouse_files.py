"""Change a Delta table by its files: only those in which rows leave, or that are small, are written anew.

So a publish costs what it brings, whatever the table holds. A file has at most ROWS_A_FILE rows, in the order
of their keys. Rows that come go into files of their own, together with those of small files of the month (or
of the table, where it has no months): each day would else leave one more. Rows of all a table go into files
as they come, part by part: of each month, no more than a group of them is held.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions
from pyarrow.fs import FileSystem

from akasa.stores import arrow, warehouse
from akasa.workspace.storage import Bucket, Folder
from akasa.workspace.tables import REPEATING

ROWS_A_GROUP = 32_768
ROWS_A_FILE = 8 * ROWS_A_GROUP
# LZ4 takes half the time of Snappy to read, and no more room.
_AS_FILE: dict[str, Any] = {"compression": "lz4", "use_dictionary": REPEATING}
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


class Piece(NamedTuple):
    """What is written at once of a month, if any: files whose rows stay or leave, and whether rows come."""

    month: str | None
    there: list[str]
    comes: bool


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
    coming = _by_month(rows.sort_by([(key, "ascending") for key in keys]))
    removed, pieces = to_write(table, coming, touched)
    added = [
        put_together(
            room(place, name, piece.month), keys, piece, [coming[piece.month]] if piece.comes else [], leaving
        )
        for piece in pieces
    ]
    return [*removed, *chain.from_iterable(added)]


def to_write(
    table: DeltaTable, months: Collection[str | None], touched: set[str]
) -> tuple[list[RemoveAction], list[Piece]]:
    """Return the files that a change writes anew, and the pieces in which it does.

    Of each of the `months` to which rows come, small files are a piece with these; any other touched file is
    one by itself.
    """
    joining: dict[str | None, list[str]] = {month: [] for month in months}
    pieces = []
    for file in _files(table):
        if file.rows < ROWS_A_FILE // 2 and file.month in joining:
            joining[file.month].append(file.path)
        elif file.path in touched:
            pieces.append(Piece(file.month, [file.path], False))
    pieces += [Piece(month, there, True) for month, there in joining.items()]
    return [RemoveAction(path, True, _now()) for piece in pieces for path in piece.there], pieces


def put_together(
    files: FileSystem, keys: Sequence[str], piece: Piece, coming: Sequence[pa.Table], leaving: pa.Array
) -> list[AddAction]:
    """Write a piece: of its files the rows that stay, and those that come, which are in the keys' order."""
    stays = [_staying(files, path, keys[0], leaving) for path in piece.there]
    rows = pa.concat_tables([*coming, *stays])
    if piece.comes and stays:
        rows = rows.sort_by([(key, "ascending") for key in keys])
    filling = _Filling(files, piece.month)
    filling.add(rows)
    return filling.close()


def filled(place: Folder | Bucket, name: str, parts: Iterable[pa.Table]) -> list[AddAction]:
    """Write all rows of a table, which come in the order of its keys, and return what is to be committed."""
    months: dict[str | None, _Filling] = {}
    for some in chain.from_iterable(map(_in_groups, parts)):
        for month, rows in _by_month(some).items():
            if month not in months:
                months[month] = _Filling(room(place, name, month), month)
            months[month].add(rows)
    return [added for month in months.values() for added in month.close()]


def commit(table: DeltaTable, name: str, actions: Sequence[Action], mode: str = "append") -> None:
    """Commit a change, of which every reader sees all or nothing; to "overwrite" takes all other files out.

    Raises CommitFailedError where another writer has committed since the table was opened.
    """
    shape, months = warehouse.SCHEMAS[name], _months(name)
    try:
        table.create_write_transaction([*actions], mode, shape, months, commit_properties=_AS_IT_WAS_READ)
    except CommitFailedError as error:
        raise CommitFailedError(f"{name} was changed by a concurrent transaction ({error})") from error
    table.load_as_version(table.version() + 1)  # and not what others commit from now on


def create(place: Folder | Bucket, name: str, actions: list[AddAction]) -> None:
    """Make a table of the files that were written. Raises DeltaError where there is one."""
    create_table_with_add_actions(
        place.uri(name),
        Schema.from_arrow(warehouse.SCHEMAS[name]),
        actions,
        partition_by=_months(name),
        storage_options=place.options,
    )


def room(place: Folder | Bucket, name: str, month: str | None) -> FileSystem:
    """Make room for files of a month, if any, of a table; return what these are written by."""
    place.make_room(name, _folder(month))
    return place.file_system(name)


class _Filling:
    """Writes the rows of a month, or of a table that has none, to files: group by group, as they come."""

    def __init__(self, files: FileSystem, month: str | None) -> None:
        self.files, self.month = files, month
        self.waiting, self.added = list[pa.Table](), list[AddAction]()
        self.footers = list[pq.FileMetaData]()
        self.writer: pq.ParquetWriter | None = None
        self.path, self.rows = "", 0

    def add(self, rows: pa.Table) -> None:
        self.waiting.append(rows)
        while sum(map(len, self.waiting)) >= min(ROWS_A_GROUP, ROWS_A_FILE):
            self._write()

    def close(self) -> list[AddAction]:
        """Write what waits yet; return what Delta is to be told of the files."""
        if any(map(len, self.waiting)):
            self._write()
        self._end()
        return self.added

    def _write(self) -> None:
        """Write a group; a file that is full with it is done."""
        rows, most = pa.concat_tables(self.waiting).replace_schema_metadata(), min(ROWS_A_GROUP, ROWS_A_FILE)
        group, rest = rows[:most], rows[most:].combine_chunks()
        self.waiting = [rest]
        if self.writer is None:
            self.path = f"{_folder(self.month)}part-{uuid.uuid4()}.parquet"
            self.writer = pq.ParquetWriter(
                self.path,
                group.schema,
                filesystem=self.files,
                metadata_collector=self.footers,
                **_AS_FILE,
            )
        self.writer.write_table(group)
        self.rows += len(group)
        if self.rows >= ROWS_A_FILE:
            self._end()

    def _end(self) -> None:
        if self.writer is None:
            return
        self.writer.close()
        size, months = self.files.get_file_info(self.path).size, {MONTH: self.month} if self.month else {}
        self.added.append(AddAction(self.path, size, months, _now(), True, _told(self.footers.pop())))
        self.writer, self.rows = None, 0


def months_of(rows: pa.Table) -> Counter[str | None]:
    """Return month → how many rows are of it; None → all of them, in a table without months."""
    if MONTH not in rows.column_names:
        return Counter({None: len(rows)} if len(rows) else {})
    return Counter({one["values"]: one["counts"] for one in pc.value_counts(rows[MONTH]).to_pylist()})


def of_month(rows: pa.Table, month: str | None) -> pa.Table:
    """Return the rows of a month, without it: the folder tells it. Of a table without months, all."""
    return rows if month is None else rows.filter(pc.equal(rows[MONTH], month)).drop_columns(MONTH)


def _staying(files: FileSystem, path: str, key: str, leaving: pa.Array) -> pa.Table:
    there = pq.read_table(path, filesystem=files, partitioning=None)
    return there.filter(pc.invert(pc.is_in(there[key], value_set=leaving)))


def _in_groups(part: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows of a part some at a time, for each month's are copied."""
    for batch in part.to_batches(ROWS_A_GROUP):
        yield pa.Table.from_batches([batch])


def _files(table: DeltaTable) -> list[_File]:
    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [_File(one["path"], one["num_records"], one.get(f"partition.{MONTH}")) for one in found]


def _by_month(rows: pa.Table) -> dict[str | None, pa.Table]:
    """Return month → its rows; None → all of them, in a table without months."""
    return {month: of_month(rows, month) for month in months_of(rows)}


def _folder(month: str | None) -> str:
    return f"{MONTH}={month}/" if month else ""


def _months(name: str) -> list[str]:
    return [MONTH] if MONTH in warehouse.SCHEMAS[name].names else []


def _told(footer: pq.FileMetaData) -> str:
    """Return what Delta notes of a file, from its footer: by it, readers leave files shut.

    A column has no range where all its values are missing, or a text is too long for the footer.
    """
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    least, most, nulls = dict[str, Any](), dict[str, Any](), dict[str, int]()
    for number, column in enumerate(footer.schema.to_arrow_schema()):
        found = [group.column(number).statistics for group in groups]
        nulls[column.name] = sum(one.null_count for one in found)
        having = [one for one in found if one.num_values]
        if having and column.type in _WITH_RANGE and all(one.has_min_max for one in having):
            least[column.name] = min(one.min for one in having)
            most[column.name] = max(one.max for one in having)
    about = {"numRecords": footer.num_rows, "minValues": least, "maxValues": most, "nullCount": nulls}
    return json.dumps(about, default=date.isoformat)


def _now() -> int:
    """Return the time in milliseconds, as Delta's log has it."""
    return int(time.time() * 1000)
