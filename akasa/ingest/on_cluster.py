"""Read large deliveries on the cluster of DASK_SCHEDULER_ADDRESS, a task each, all at once.

A worker reads a file where it lies and writes the staged one to its place, on a disk that all share under the
same paths. Where the warehouse lies in a bucket, workers need no disk of ours: they read from INCOMING_URL,
or what we put on a shelf in the warehouse's bucket, and we take over what they put there.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from akasa.ingest import on_worker, reading, staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.on_worker import Known, Told
from akasa.ingest.readers import RefusedDelivery
from akasa.ingest.reading import Progress
from akasa.workspace import files, shelves, storage, workers
from akasa.workspace.settings import Settings
from akasa.workspace.shelves import Shelf
from akasa.workspace.storage import Bucket

_FOLDER = "reading"


class _Asked(NamedTuple):
    """Which cluster was asked, and what for."""

    address: str
    why: str


def read(settings: Settings, large: Sequence[Delivery], tell: Progress) -> Mapping[Delivery, RefusedDelivery]:
    """Have deliveries of different bytes staged; return those that were refused, as they would be here.

    Raises ClusterUnavailable where there is no cluster, or where its workers cannot do it as it is done here.
    """
    tell(f"{_named(large)}: reading on the cluster")
    why = f"{_named(large)} {'was' if len(large) == 1 else 'were'} to be read there"
    asked = _Asked(str(settings.dask_scheduler_address), why)
    with files.private():
        settings.staging.mkdir(parents=True, exist_ok=True)
    place = storage.warehouse(settings)
    if isinstance(place, Bucket):
        done = _by_bucket(settings, place, large, asked)
    else:
        done = _by_disk(settings, large, asked)
    told = dict(zip(large, done, strict=True))
    for delivery, one in told.items():
        if one.cause is None:
            staging.tell_read(delivery, _records(_staged(settings, delivery), asked), one.seconds)
    return {
        delivery: RefusedDelivery(delivery.name, one.line, one.cause)
        for delivery, one in told.items()
        if one.cause is not None
    }


def _by_disk(settings: Settings, large: Sequence[Delivery], asked: _Asked) -> list[Told]:
    with ExitStack() as opened:
        lying = [opened.enter_context(one.opened()) for one in large]
        staged = [_staged(settings, one) for one in large]
        tasks = [
            _task("on_disk", one, str(file.absolute()), str(there.absolute()))
            for one, file, there in zip(large, lying, staged, strict=True)
        ]
        return workers.computed(tasks, *asked)


def _by_bucket(settings: Settings, place: Bucket, large: Sequence[Delivery], asked: _Asked) -> list[Told]:
    with shelves.in_bucket(place, _FOLDER) as shelf, place.faults():
        lying = [_address(settings, one, shelf) for one in large]
        staged = [_staged(settings, one) for one in large]
        tasks = [
            _task("in_bucket", one, tuple(shelf), address, one.path.suffix, there.name)
            for one, address, there in zip(large, lying, staged, strict=True)
        ]
        told: list[Told] = workers.computed(tasks, *asked)
        for there, one in zip(staged, told, strict=True):
            if one.cause is None:
                _take_over(shelf, there)
        return told


def _address(settings: Settings, delivery: Delivery, shelf: Shelf) -> str:
    """Return where in a bucket a delivery lies for workers; one of a folder is put there."""
    if delivery.fetched and settings.incoming_url:
        incoming = storage.bucket(settings, settings.incoming_url)
        return f"{incoming.name}/{incoming.prefix}{delivery.name.removeprefix('incoming/')}"
    return shelf.address(shelf.put(delivery.path, f"{delivery.kind}-{delivery.sha256}.delivered"))


def _take_over(shelf: Shelf, there: Path) -> None:
    with files.private(), files.atomic(there) as part:
        shelf.fetch(there.name, part)


def _records(there: Path, asked: _Asked) -> int:
    """Return how many records a worker has staged. Raises ClusterUnavailable where that is not seen here."""
    # The folder first: another machine's disk may be asked anew only then.
    footer = reading.footer(there) if there.name in os.listdir(there.parent) else None
    if footer is None:
        raise workers.not_shared(there, *asked)
    records: int = footer.num_rows
    return records


def _task(step: str, delivery: Delivery, *where: Any) -> Any:
    known = tuple(Known(delivery.name, delivery.kind, delivery.sha256))
    return workers.task(on_worker.__name__, step, on_worker.versions(), known, *where)


def _staged(settings: Settings, delivery: Delivery) -> Path:
    return staging.path(settings.staging, delivery.kind, delivery.sha256)


def _named(large: Sequence[Delivery]) -> str:
    """Return how a sentence names deliveries.

    >>> from akasa.ingest.deliveries import Delivery
    >>> _named([Delivery(Path(), f"{n}.xml", "orders", "", 1, None) for n in "abc"])
    'a.xml and 2 others'
    """
    more = len(large) - 1
    return f"{large[0].name}{f' and {more:,} other' if more else ''}{'s' if more > 1 else ''}"
