"""The lease on a warehouse in a bucket: which database it follows, and whose turn it is to write to it.

It is an object beside the tables, `_akasa.json`, which only changes on the condition that it is as it was
read. A warehouse follows one database for good: another one would make it anew, and lose what the first had
published. With MySQL or MariaDB, which all machines share, turns are the server's own lock's. SQLite is on
one machine; there may be copies of it, though, and of the machine: so a run takes a turn here, and renews it
while it goes on. The workspace notes its turns. Where the lease has one that it does not know, a copy has
published since, and this one is behind.

A turn that was not renewed for LEASE_SECONDS is over, by the clock of the one who waits. Who comes back late
finds that out before it commits (`require_held`), and Delta refuses what was based on an older version.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from sqlalchemy import text

from akasa.stores import database
from akasa.stores.lock import Busy, LockLost
from akasa.workspace import files, objects, storage
from akasa.workspace.objects import Overtaken
from akasa.workspace.settings import Settings
from akasa.workspace.storage import Bucket, StorageUnavailable

NAME = "_akasa.json"
LEASE_SECONDS = 30.0
BREATH_SECONDS = 8.0
LOOK_SECONDS = 1.0
_FILE = ".warehouse.json"  # in DATA_DIR: what SQLite's database notes
_TABLE = "create table if not exists warehouse_lease (database_id varchar(32) primary key)"


class ForeignWarehouse(StorageUnavailable):
    """The warehouse follows another database, or another copy of this one."""


class Known(NamedTuple):
    """What is noted of a database: its own id, and the last turns that it took or tried to take."""

    database: str
    turns: tuple[str, str]


@dataclass(frozen=True)
class Lease:
    """What the object says: which database it is for, whose turn it is, and for how many breaths already."""

    database: str
    turn: str = ""
    holder: str = ""
    machine: str = ""
    breath: int = 0
    held: bool = False


@contextmanager
def hold(settings: Settings, url: str, me: str) -> Iterator[None]:
    """Hold the warehouse at an address of a bucket for a run that calls itself `me`.

    To be called with the database held. Raises Busy, which says who holds it, after LOCK_TIMEOUT seconds,
    ForeignWarehouse, and StorageUnavailable.
    """
    place, known = storage.bucket(settings, url), _known(settings)
    if settings.db_host is not None:
        _claim(place, settings, known)
        yield
        return
    held = _Held(place, *_taken(place, settings, known, me))
    try:
        with held:
            yield
    finally:
        held.give_back()


def require_held(settings: Settings, url: str, run: str) -> None:
    """Raise LockLost where the warehouse is no longer the run's."""
    if settings.db_host is not None:
        return
    lease, _ = _read(storage.bucket(settings, url))
    if lease is None or not lease.held or lease.holder != run:
        raise LockLost(
            f"nothing more was published: this run has held up for so long that another one has taken "
            f"{url}; run it again"
        )


class _Held:
    """A turn that is renewed in the background while it lasts."""

    def __init__(self, place: Bucket, lease: Lease, etag: str) -> None:
        self.place, self.lease, self.etag = place, lease, etag
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._breathe, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()

    def give_back(self) -> None:
        with suppress(Overtaken, StorageUnavailable):  # it is over by itself, later
            self._put(replace(self.lease, held=False))

    def _breathe(self) -> None:
        while not self.stopped.wait(BREATH_SECONDS):
            try:
                self._put(replace(self.lease, breath=self.lease.breath + 1))
            except Overtaken:
                if not self._is_mine_still():
                    return  # the turn is over; `require_held` will find it so
            except StorageUnavailable:
                continue

    def _is_mine_still(self) -> bool:
        """Say whether the object is as it was put: an answer that was lost on its way had it put again."""
        lease, etag = _read(self.place)
        if lease is None or etag is None or lease.turn != self.lease.turn or not lease.held:
            return False
        self.lease, self.etag = lease, etag
        return True

    def _put(self, lease: Lease) -> None:
        self.etag, self.lease = _put(self.place, lease, self.etag), lease


def _claim(place: Bucket, settings: Settings, known: Known) -> None:
    """Let the warehouse follow this database, if it follows none yet."""
    lease, _ = _read(place)
    if lease is None:
        with suppress(Overtaken):
            _put(place, Lease(known.database), None)
        lease, _ = _read(place)
    if lease is None or lease.database != known.database:
        raise _foreign(place, settings, "another database")


def _taken(place: Bucket, settings: Settings, known: Known, me: str) -> tuple[Lease, str]:
    """Wait for a turn and take it; return the lease with its ETag."""
    mine = Lease(known.database, uuid.uuid4().hex, me, machine(settings), held=True)
    until, seen, since = time.monotonic() + settings.lock_timeout, None, 0.0
    while True:
        lease, etag = _read(place)
        if etag != seen:
            seen, since = etag, time.monotonic()
        if lease is None or _is_free(lease, mine, time.monotonic() - since):
            _require_known(place, settings, lease, _known(settings))
            # Noted before, so that a turn is known by its database wherever the run is killed.
            _note(settings, Known(known.database, (lease.turn if lease else "", mine.turn)))
            with suppress(Overtaken):
                return mine, _put(place, mine, etag)
            continue
        _require_known(place, settings, lease, _known(settings))
        if time.monotonic() > until:
            raise Busy(
                f"{lease.holder} on {lease.machine} holds {place.url}; waited {settings.lock_timeout:g} s. "
                "Try again when it is done, or set LOCK_TIMEOUT."
            )
        time.sleep(LOOK_SECONDS)


def _is_free(lease: Lease, mine: Lease, unchanged_seconds: float) -> bool:
    """Say whether a turn is over: of this very workspace it is, as its own lock is held by who asks."""
    return not lease.held or lease.machine == mine.machine or unchanged_seconds > LEASE_SECONDS


def _require_known(place: Bucket, settings: Settings, lease: Lease | None, known: Known) -> None:
    if lease is None:
        return
    if lease.database != known.database:
        raise _foreign(place, settings, "another database")
    if lease.turn not in known.turns:
        raise _foreign(
            place, settings, "another copy of this database, which has published since this one did"
        )


def _foreign(place: Bucket, settings: Settings, whose: str) -> ForeignWarehouse:
    mine = settings.db_name if settings.db_host else f"the SQLite file in {settings.label(settings.data_dir)}"
    return ForeignWarehouse(
        f"nothing was published: the warehouse {place.url} follows {whose}, and {mine} would undo what "
        "that one has published. Machines that share a warehouse share a MySQL or MariaDB, too (DB_HOST); or "
        f"set another WAREHOUSE_URL. If this database is to replace it for good, remove {place.url}/{NAME}"
    )


def machine(settings: Settings) -> str:
    """Return what tells this workspace on this machine from any other."""
    return f"{socket.gethostname()}-{uuid.getnode():x}:{os.fspath(settings.data_dir.resolve())}"


def _read(place: Bucket) -> tuple[Lease | None, str | None]:
    found = objects.read(place, NAME)
    if found is None:
        return None, None
    content, etag = found
    try:
        return Lease(**json.loads(content)), etag
    except (ValueError, TypeError):
        raise StorageUnavailable(
            f"{place.url}/{NAME} is not what akasa wrote: it says which database the warehouse follows. "
            "Put it back, or remove it to have the warehouse follow this one"
        ) from None


def _put(place: Bucket, lease: Lease, instead_of: str | None) -> str:
    return objects.put(place, NAME, json.dumps(asdict(lease), indent=1).encode() + b"\n", instead_of)


def _known(settings: Settings) -> Known:
    """Return what is noted of the database. The first time, it is given an id."""
    return _of_server(settings) if settings.db_host else _of_workspace(settings)


def _of_server(settings: Settings) -> Known:
    with database.transaction(settings) as opened:
        opened.execute(text(_TABLE))
        found = opened.execute(text("select database_id from warehouse_lease")).scalar()
        if found is None:
            found = uuid.uuid4().hex
            opened.execute(text("insert into warehouse_lease values (:id)"), {"id": found})
    return Known(found, ("", ""))


def _of_workspace(settings: Settings) -> Known:
    """Beside SQLite's file, as that one changes only where something is published."""
    try:
        noted = json.loads((settings.data_dir / _FILE).read_text("utf-8"))
        before, now = noted["turns"]
        return Known(noted["database"], (before, now))
    except FileNotFoundError:
        known = Known(uuid.uuid4().hex, ("", ""))
        _note(settings, known)
        return known
    except (ValueError, KeyError, TypeError):
        raise StorageUnavailable(
            f"{settings.label(settings.data_dir / _FILE)} is not what akasa wrote: it says which turns at "
            f"the warehouse this database has taken. Put it back; without it, remove {NAME} from below "
            "WAREHOUSE_URL as well, to have the warehouse follow this database"
        ) from None


def _note(settings: Settings, known: Known) -> None:
    with files.private():
        files.write_text(settings.data_dir / _FILE, json.dumps(known._asdict()) + "\n")
