"""Folders for files that a cluster's workers write for each other and for us, until the work is done."""

import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from akasa.workspace import storage
from akasa.workspace.failpoints import reached
from akasa.workspace.rows import Room
from akasa.workspace.storage import Bucket, Folder

ABANDONED_AFTER = timedelta(days=1)  # older files belong to no run that still goes on
_CHUNK_BYTES = 4_000_000


class Shelf(NamedTuple):
    """A folder for files of the work, each of which is there whole or not at all.

    It is on a disk that all workers share, or in a bucket.
    """

    file_system: FileSystem
    folder: str

    def address(self, name: str) -> str:
        """Return where a file lies in the file system."""
        return f"{self.folder}/{name}"

    def read(self, name: str, batches: Sequence[int] | None = None) -> pa.Table:
        """Return all batches of an Arrow file, or some of them."""
        with self.file_system.open_input_file(self.address(name)) as stream:
            opened = pa.ipc.open_file(stream)
            wanted = range(opened.num_record_batches) if batches is None else batches
            return pa.Table.from_batches(map(opened.get_batch, wanted), opened.schema)

    def write(self, name: str, shape: pa.Schema, batches: Iterable[pa.Table]) -> str:
        """Write an Arrow file under a private name, a batch for each table; rename it, return its name."""
        private, packed = self.address(f"{uuid.uuid4().hex}.part"), pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            self.file_system.open_output_stream(private) as stream,
            pa.ipc.new_file(stream, shape, options=packed) as writer,
        ):
            for table in batches:
                writer.write_batch(_as_one(table))
        reached(f"before renaming {name}")
        self.file_system.move(private, self.address(name))
        return name

    def put(self, file: Path, name: str) -> str:
        """Put a copy of a file of this machine into a bucket, and return its name."""
        reached(f"before putting {name}")
        with file.open("rb") as source, self.file_system.open_output_stream(self.address(name)) as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)
        return name

    def fetch(self, name: str, file: Path) -> None:
        """Write a copy of what is there to a file of this machine."""
        copy_files(self.address(name), file.as_posix(), self.file_system, LocalFileSystem())


@contextmanager
def opened(place: Folder | Bucket, room: Room, work: str) -> Iterator[Shelf]:
    """Give a shelf for some work: in the warehouse's bucket, where it lies in one, else in a room."""
    if isinstance(place, Bucket):
        with in_bucket(place, work) as shelf:
            yield shelf
        return
    folder = room.folder / work
    folder.mkdir()
    try:
        yield Shelf(LocalFileSystem(), folder.absolute().as_posix())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def in_bucket(place: Bucket, work: str) -> Iterator[Shelf]:
    """Give a shelf below `work` in a bucket; it goes at the end. Raises StorageUnavailable."""
    all_of_them = Shelf(storage.s3(place.options), f"{place.name}/{place.prefix}{work}")
    shelf = all_of_them._replace(folder=all_of_them.address(uuid.uuid4().hex))
    with place.faults():
        _sweep(all_of_them)
    try:
        yield shelf
    finally:
        with place.faults():
            _remove(shelf)


def _remove(shelf: Shelf) -> None:
    if shelf.file_system.get_file_info(shelf.folder).type != FileType.NotFound:
        shelf.file_system.delete_dir(shelf.folder)


def _sweep(shelves: Shelf) -> None:
    """Remove the files that killed runs left; what others work on meanwhile is younger."""
    selected = FileSelector(shelves.folder, allow_not_found=True, recursive=True)
    for one in shelves.file_system.get_file_info(selected):
        if one.type == FileType.File and datetime.now(UTC) - one.mtime > ABANDONED_AFTER:
            shelves.file_system.delete_file(one.path)


def _as_one(table: pa.Table) -> pa.RecordBatch:
    found = table.combine_chunks().to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], table.schema)
