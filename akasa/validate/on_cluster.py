"""Judge a large delivery's parts on the cluster of DASK_SCHEDULER_ADDRESS, a task each.

Tasks hand one another names of files on a shelf: in DATA_DIR, on a disk that all workers share under the same
path; or, where the warehouse lies in a bucket, there. Nothing big travels through the scheduler.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from akasa.validate import on_worker, parts, profiling
from akasa.validate.on_worker import BOUNDS, SHARES
from akasa.validate.one_part import Part, Terms, Told
from akasa.validate.plan import Planned
from akasa.validate.profiling import Looked
from akasa.workspace import rows, shelves, storage, workers
from akasa.workspace.rows import Room
from akasa.workspace.settings import Settings
from akasa.workspace.shelves import Shelf
from akasa.workspace.storage import Bucket, Folder
from akasa.workspace.tables import KEYS

MOST_PARTS = 1_000
_FOLDER = "judging"
_STAGED = "staged.parquet"


@contextmanager
def judged(
    settings: Settings, delivery: Planned, staged: Path, room: Room
) -> Iterator[tuple[Iterator[Part], dict[str, Looked]]]:
    """Have a delivery judged; give what becomes of each part, in their order, and what its texts say.

    Raises ClusterUnavailable where there is no cluster, or where its workers cannot do it as it is done here.
    """
    place = storage.warehouse(settings)
    with _shelf(place, staged, room) as (shelf, there):
        with place.faults():
            tasks = _tasks(shelf, Terms.of(settings, delivery), staged, there)
            why = f"{delivery.name} was to be judged there"
            done = workers.computed(tasks, str(settings.dask_scheduler_address), why)
        fields = profiling.FIELDS[delivery.kind]
        told, looked = done[: -len(fields)], done[-len(fields) :]
        yield _parts(place, shelf, told), dict(zip(fields, looked, strict=True))


@contextmanager
def _shelf(place: Folder | Bucket, staged: Path, room: Room) -> Iterator[tuple[Shelf, str]]:
    """Give the shelf, and where the staged records lie for workers."""
    with shelves.opened(place, room, _FOLDER) as shelf:
        there = staged.as_posix()
        if isinstance(place, Bucket):
            with place.faults():
                there = shelf.address(shelf.put(staged, _STAGED))
        yield shelf, there


def _tasks(shelf: Shelf, terms: Terms, staged: Path, there: str) -> list[Any]:
    """Return the tasks that judge the parts, then those that look at the fields."""
    opened, step = pq.ParquetFile(staged), partial(_step, shelf, terms)
    bounds = pa.table({"id": pa.array(parts.bounds_of(opened, KEYS[terms.kind][0], MOST_PARTS), pa.string())})
    shelf.write(BOUNDS, bounds.schema, [bounds])
    numbers = range(len(bounds) + 1)
    pieces = [step("apart", there, *piece) for piece in enumerate(_pieces(opened.metadata))]
    shared = _shared(step, numbers, pieces) if terms.kind == "customers" else []
    judging = [step("judge", number, pieces, shared) for number in numbers]
    return [*judging, *(step("look", there, field) for field in profiling.FIELDS[terms.kind])]


def _shared(step: partial[Any], numbers: Sequence[int], pieces: Sequence[Any]) -> list[Any]:
    claims = [step("claim", number, pieces) for number in numbers]
    return [step("share", share, claims) for share in range(SHARES)]


def _pieces(footer: Any) -> list[list[int]]:
    """Return the groups of rows of a staged file in pieces that a worker reads at once."""
    least = max(rows.PART_ROWS, footer.num_rows // MOST_PARTS)
    pieces, held = [list[int]()], 0
    for group in range(footer.num_row_groups):
        if held >= least:
            pieces.append([])
            held = 0
        pieces[-1].append(group)
        held += footer.row_group(group).num_rows
    return pieces


def _step(shelf: Shelf, terms: Terms, name: str, *arguments: Any) -> Any:
    module = on_worker.__name__
    return workers.task(module, name, on_worker.versions(), tuple(shelf), tuple(terms), *arguments)


def _parts(place: Folder | Bucket, shelf: Shelf, told: Sequence[Told]) -> Iterator[Part]:
    """Yield what became of each part; its files go."""
    for number, one in enumerate(told):
        names = [f"{name}-{number}.arrow" for name in ("accepted", "rejected")]
        with place.faults():
            accepted, rejected = map(shelf.read, names)
            for name in names:
                shelf.file_system.delete_file(shelf.address(name))
        yield Part(accepted, rejected, one)
        rows.give_back()
