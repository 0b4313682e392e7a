"""What a worker of a cluster does for a delivery's reading: it reads the file, and writes the staged one."""

import errno
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree
from pyarrow.fs import LocalFileSystem, copy_files

from akasa.ingest import readers, reading
from akasa.ingest.deliveries import Delivery, Kind
from akasa.ingest.readers import RefusedDelivery
from akasa.workspace import files, workers
from akasa.workspace.shelves import Shelf


class Known(NamedTuple):
    """A delivery, as a task knows it."""

    name: str
    kind: Kind
    sha256: str


class Told(NamedTuple):
    """What is told of a reading: the seconds that it took, and why the file is refused, if it is."""

    seconds: float
    cause: str | None = None
    line: int | None = None


def on_disk(known: Known, file: str, staged: str) -> None:
    """Read a file of a disk that is shared, and write the staged one there.

    Raises FileNotFoundError where either is not to be found.
    """
    there = Path(staged)
    if not there.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(there.parent))
    with files.atomic(there) as part:
        part.touch(0o600)  # not by the umask, which is that of all threads
        _write(known, Path(file), part)


def in_bucket(known: Known, shelf: Sequence[Any], address: str, ending: str, name: str) -> None:
    """Read an object, and put the staged file on a shelf; both lie here meanwhile, in a private folder."""
    there = Shelf(*shelf)
    with tempfile.TemporaryDirectory(prefix="akasa-") as folder:
        file, staged = Path(folder, f"delivery{ending}"), Path(folder, name)
        copy_files(address, file.as_posix(), there.file_system, LocalFileSystem())
        _write(known, file, staged)
        there.put(staged, name)


STEPS = {one.__name__: one for one in (on_disk, in_bucket)}


def run(step: str, made_by: Mapping[str, str], known: Sequence[Any], *where: Any) -> Told:
    """Read a delivery. Raises ImportError where other code, or other libraries, would read it here."""
    workers.require_alike(made_by, versions())
    began = time.monotonic()
    try:
        STEPS[step](Known(*known), *where)
    except RefusedDelivery as refusal:
        return Told(time.monotonic() - began, refusal.cause, refusal.line)
    return Told(time.monotonic() - began)


def versions() -> dict[str, str]:
    """Return what decides about a record, and about a refusal: the readers, akasa's code, libraries."""
    return {
        "readers": str(readers.READER_VERSION),
        **workers.versions(),
        "lxml": ".".join(map(str, etree.LXML_VERSION)),
        "libxml2": ".".join(map(str, etree.LIBXML_VERSION)),
    }


def _write(known: Known, file: Path, staged: Path) -> None:
    delivery = Delivery(file, *known, rank=0, date=None)
    reading.write(delivery, file, staged, lambda _: None)
