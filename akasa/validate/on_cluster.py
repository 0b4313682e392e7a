"""Judge a large delivery's parts on the cluster of DASK_SCHEDULER_ADDRESS, a task each.

Tasks hand one another names of files on a shelf: in DATA_DIR, on a disk that all workers share under the same
path; or, where the warehouse lies in a bucket, there. Nothing big travels through the scheduler.
"""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType, LocalFileSystem, copy_files

from akasa.validate import on_worker, parts, profiling
from akasa.validate.on_worker import BOUNDS, SHARES, Shelf
from akasa.validate.one_part import Part, Terms, Told
from akasa.validate.plan import Planned
from akasa.validate.profiling import Looked
from akasa.workspace import cluster, rows, storage
from akasa.workspace.cluster import ClusterUnavailable
from akasa.workspace.rows import Room
from akasa.workspace.settings import Settings
from akasa.workspace.storage import Bucket, Folder
from akasa.workspace.tables import KEYS

MOST_PARTS = 1_000
ABANDONED_AFTER = timedelta(days=1)  # older files belong to no run that still goes on
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
            done = _computed(tasks, str(settings.dask_scheduler_address), delivery.name)
        fields = profiling.FIELDS[delivery.kind]
        told, looked = done[: -len(fields)], done[-len(fields) :]
        yield _parts(place, shelf, told), dict(zip(fields, looked, strict=True))


def _shelf(place: Folder | Bucket, staged: Path, room: Room) -> AbstractContextManager[tuple[Shelf, str]]:
    """Give the shelf, and where the staged records lie for workers."""
    return _in_bucket(place, staged) if isinstance(place, Bucket) else _in_room(room, staged)


@contextmanager
def _in_room(room: Room, staged: Path) -> Iterator[tuple[Shelf, str]]:
    folder = room.folder / _FOLDER
    folder.mkdir()
    try:
        yield Shelf(LocalFileSystem(), folder.as_posix()), staged.as_posix()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_bucket(place: Bucket, staged: Path) -> Iterator[tuple[Shelf, str]]:
    all_of_them = Shelf(storage.s3(place.options), f"{place.name}/{place.prefix}{_FOLDER}")
    shelf = all_of_them._replace(folder=f"{all_of_them.folder}/{uuid.uuid4().hex}")
    there = f"{shelf.folder}/{_STAGED}"
    with place.faults():
        _sweep(all_of_them)
        copy_files(staged.as_posix(), there, LocalFileSystem(), shelf.file_system)
    try:
        yield shelf, there
    finally:
        with place.faults():
            _remove(shelf)


def _remove(shelf: Shelf) -> None:
    if shelf.file_system.get_file_info(shelf.folder).type != FileType.NotFound:
        shelf.file_system.delete_dir(shelf.folder)


def _sweep(shelves: Shelf) -> None:
    """Remove the files that killed runs left; what others judge meanwhile is younger."""
    selected = FileSelector(shelves.folder, allow_not_found=True, recursive=True)
    for one in shelves.file_system.get_file_info(selected):
        if one.type == FileType.File and datetime.now(UTC) - one.mtime > ABANDONED_AFTER:
            shelves.file_system.delete_file(one.path)


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
    """Return a task; classes of akasa are taken apart, for the scheduler need not know it."""
    return cluster.task(_work, name, on_worker.versions(), tuple(shelf), tuple(terms), *arguments)


def _work(*arguments: Any) -> Any:
    """Do a step on a worker; this function travels there as code, and says so where akasa is not there."""
    try:
        from akasa.validate import on_worker
    except ImportError as error:
        raise ImportError(f"has no akasa ({error})") from None
    return on_worker.run(*arguments)


def _computed(tasks: Sequence[Any], address: str, name: str) -> list[Any]:
    """Return the tasks' results. Raises ClusterUnavailable, which says that a delivery was to be judged."""
    why = f"({name} was to be judged there)"
    try:
        return cluster.compute(tasks, address)
    except ClusterUnavailable as error:
        raise ClusterUnavailable(f"{error} {why}") from None
    except ImportError as error:
        raise ClusterUnavailable(
            f"a worker of {address} (DASK_SCHEDULER_ADDRESS) {error}: install there what is here and start "
            f"it anew, or unset the setting to compute in this process {why}"
        ) from None
    except FileNotFoundError as error:
        raise ClusterUnavailable(
            f"a worker of {address} (DASK_SCHEDULER_ADDRESS) does not find what it is to read ({error}): let "
            "all workers share DATA_DIR under the same path, or unset the setting to compute in this process "
            f"{why}"
        ) from None


def _parts(place: Folder | Bucket, shelf: Shelf, told: Sequence[Told]) -> Iterator[Part]:
    """Yield what became of each part; its files go."""
    for number, one in enumerate(told):
        names = [f"{name}-{number}.arrow" for name in ("accepted", "rejected")]
        with place.faults():
            accepted, rejected = map(shelf.read, names)
            for name in names:
                shelf.file_system.delete_file(f"{shelf.folder}/{name}")
        yield Part(accepted, rejected, one)
        rows.give_back()
