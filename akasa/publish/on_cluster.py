"""Have workers of DASK_SCHEDULER_ADDRESS write the warehouse's files, a task each; we commit them at once.

Rows that come are put on a shelf: in DATA_DIR, on a disk that all workers share under the same path; or,
where the warehouse lies in a bucket, there. Each file is the same as if it were written here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from pyarrow.fs import FileSelector, FileSystem

from akasa.publish import on_worker, warehouse_files
from akasa.publish.on_worker import LEAVING, ROWS, Share
from akasa.publish.warehouse_files import Action, Piece
from akasa.stores import arrow, warehouse
from akasa.workspace import rows, shelves, storage, workers
from akasa.workspace.rows import Room
from akasa.workspace.settings import Settings
from akasa.workspace.shelves import Shelf

Held = Mapping[str | None, Sequence[tuple[int, int]]]  # month → parts, and how many of its rows each has
Work = tuple[Piece, Sequence[Share]]


def filled(settings: Settings, name: str, keys: Sequence[str], parts: Iterable[pa.Table]) -> list[AddAction]:
    """Write all rows of a table, as `warehouse_files.filled` does. Raises ClusterUnavailable."""
    with _shelf(settings) as shelf:
        held = _put(shelf, name, parts)
        work = chain.from_iterable(_file_by_file(Piece(month, [], True), held) for month in held)
        return _written(settings, shelf, name, keys, pa.array([], arrow.TEXT), list(work))


def written(
    settings: Settings,
    name: str,
    table: DeltaTable,
    keys: Sequence[str],
    coming: pa.Table,
    leaving: pa.Array,
    touched: set[str],
) -> list[Action]:
    """Write the files of a change, as `warehouse_files.written` does. Raises ClusterUnavailable."""
    with _shelf(settings) as shelf:
        held = _put(shelf, name, [coming.sort_by([(key, "ascending") for key in keys])])
        removed, pieces = warehouse_files.to_write(table, held, touched)
        work = chain.from_iterable(_file_by_file(piece, held) for piece in pieces)
        return [*removed, *_written(settings, shelf, name, keys, leaving, list(work))]


def _shelf(settings: Settings) -> AbstractContextManager[Shelf]:
    return shelves.opened(storage.warehouse(settings), Room(settings), "publishing")


def _put(shelf: Shelf, name: str, parts: Iterable[pa.Table]) -> Held:
    """Put the rows that come on the shelf, and return what each part holds."""
    held: dict[str | None, list[tuple[int, int]]] = defaultdict(list)

    def counted() -> Iterator[pa.Table]:
        for number, part in enumerate(chain.from_iterable(map(_cut, parts))):
            for month, count in warehouse_files.months_of(part).items():
                held[month].append((number, count))
            yield part

    shelf.write(ROWS, warehouse.SCHEMAS[name], counted())
    return held


def _cut(rows_of_one: pa.Table) -> Iterator[pa.Table]:
    """Yield so many rows at a time that a worker may read them at once."""
    for first in range(0, len(rows_of_one), rows.PART_ROWS):
        yield rows_of_one.slice(first, rows.PART_ROWS)


def _file_by_file(piece: Piece, held: Held) -> Iterator[Work]:
    """Yield the work of a piece: a file each; at once where rows of other files are put among them."""
    size = sum(count for _, count in held[piece.month]) if piece.there else warehouse_files.ROWS_A_FILE
    shares, room = list[Share](), size
    for part, count in held[piece.month] if piece.comes else ():
        first = 0
        while first < count:
            beyond = min(count, first + room)
            shares.append(Share(part, first, beyond))
            room, first = room - (beyond - first), beyond
            if not room:
                yield piece, shares
                shares, room = [], size
    if shares or not piece.comes:
        yield piece, shares


def _written(
    settings: Settings, shelf: Shelf, name: str, keys: Sequence[str], leaving: pa.Array, work: Sequence[Work]
) -> list[AddAction]:
    """Have the work done; return what is to be committed. Raises ClusterUnavailable."""
    place = storage.warehouse(settings)
    goes = pa.table({keys[0]: leaving})
    shelf.write(LEAVING, goes.schema, [goes])
    asked = str(settings.dask_scheduler_address), f"the warehouse's {name} were to be written there"
    tasks = [
        workers.task(
            on_worker.__name__,
            "write",
            on_worker.versions(),
            tuple(shelf),
            warehouse_files.room(place, name, piece.month),
            tuple(keys),
            tuple(piece),
            [tuple(one) for one in shares],
        )
        for piece, shares in work
    ]
    added = list[AddAction](chain.from_iterable(workers.computed(tasks, *asked)))
    for lacking in _lacking(place.file_system(name), added):
        raise workers.not_shared(place.address(name, lacking), *asked)
    return added


def _lacking(files: FileSystem, added: Sequence[AddAction]) -> Iterator[str]:
    """Yield the files that are not seen here as they were written, in the lists of their folders."""
    folders = {one.path.rpartition("/")[0] for one in added}
    lists = (files.get_file_info(FileSelector(one, allow_not_found=True)) for one in folders)
    there = {found.path: found.size for found in chain.from_iterable(lists)}
    yield from (one.path for one in added if there.get(one.path) != one.size)
