"""Rows of a table on disk, in parts, of which one at a time is in memory.

Parts stand in the order of the table's keys, and no key's rows stand in two of them.
"""

import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import filelock
import pandas as pd
import pyarrow as pa

from akasa.workspace import files
from akasa.workspace.settings import Settings

PART_ROWS = 300_000  # more lines than that are judged, and published, part by part
PARTS_AT_ONCE = 2  # that are judged, or weighed, in threads
Given = TypeVar("Given")
Made = TypeVar("Made")
_LOCK, _UNFINISHED = ".in-use.lock", ".unfinished-"


class Room:
    """A private folder below DATA_DIR for rows that only this process reads; it goes with its last user.

    What a killed process left there goes when the next one is made.
    """

    def __init__(self, settings: Settings) -> None:
        rooms = settings.data_dir / ".run.rows"
        with files.private():
            rooms.mkdir(parents=True, exist_ok=True)
            _sweep(rooms)
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=rooms))
            self._lock = filelock.FileLock(unfinished / _LOCK)
            self._lock.acquire()
            # Only now can another process see it, and see that it is held.
            self.folder = unfinished.rename(rooms / unfinished.name.removeprefix(_UNFINISHED))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Rows:
    """The rows of a table in an Arrow file, a batch each part; `typed` makes a frame of one."""

    file: Path
    count: int
    typed: Callable[[pa.Table], pd.DataFrame]
    room: Room = field(repr=False)

    def __len__(self) -> int:
        return self.count

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows part by part: all columns of them, or some."""
        return map(self.typed, self.tables(columns))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the same as Arrow tables."""
        yield from read(self.file, columns)


Table: TypeAlias = pd.DataFrame | Rows


def parts(table: Table, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """Yield a table's rows part by part; a frame is one part."""
    if isinstance(table, Rows):
        return table.parts(columns)
    return iter((table if columns is None else table[list(columns)],))


def are_many(table: Table) -> bool:
    """Say whether a table has more rows than are worked on at once."""
    return len(table) > PART_ROWS


def whole(table: Table) -> pd.DataFrame:
    """Return all rows of a table as one frame."""
    if isinstance(table, Rows):
        nothing = pa.ipc.open_file(str(table.file)).schema.empty_table()
        return table.typed(pa.concat_tables([nothing, *table.tables()]))
    return table


def writer(file: Path, shape: pa.Schema) -> pa.RecordBatchFileWriter:
    """Open a file for parts, each a batch that is written with `write_table`."""
    return pa.ipc.new_file(str(file), shape, options=pa.ipc.IpcWriteOptions(compression="lz4"))


def read(file: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the parts of a file that `writer` wrote."""
    with pa.OSFile(str(file)) as stream:
        shape = pa.ipc.open_file(stream).schema
        wanted = None if columns is None else [shape.get_field_index(name) for name in columns]
        found = pa.ipc.open_file(stream, options=pa.ipc.IpcReadOptions(included_fields=wanted))
        for part in range(found.num_record_batches):
            yield pa.Table.from_batches([found.get_batch(part)]).select(columns or shape.names)


def at_once(work: Callable[[Given], Made], parts: Iterable[Given]) -> Iterator[Made]:
    """Yield what becomes of each part, in their order: PARTS_AT_ONCE are at work in threads, or have been."""
    with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
        pending = deque[Future[Made]]()
        for part in parts:
            pending.append(threads.submit(work, part))
            if len(pending) == PARTS_AT_ONCE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def give_back() -> None:
    """Give the memory back that Arrow keeps of a part for the next one, which may never come."""
    pa.default_memory_pool().release_unused()


def _sweep(rooms: Path) -> None:
    """Remove the rooms that nobody holds any more."""
    for folder in (one for one in rooms.iterdir() if not one.name.startswith(_UNFINISHED)):
        lock = filelock.FileLock(folder / _LOCK, timeout=0)
        with suppress(filelock.Timeout, OSError), lock:
            shutil.rmtree(folder, ignore_errors=True)
