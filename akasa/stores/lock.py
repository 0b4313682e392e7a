"""Locks: one run at a time in a workspace and on a database, and one publish at a time, which holds its own.

A run outlives its kernels, and a kernel may outlive its run: one whose runner was killed goes on for a while.
So the kernel that publishes takes the publish's lock itself, and must not publish once another run has begun.
All locks are the kernel's or the server's: they are free again when their holder dies.

Across machines one rule holds: **who shares a database shares its lock**. With MySQL or MariaDB that is the
server's, wherever warehouse and deliveries lie. SQLite is one machine's, with the locks of its folders; where
its warehouse lies in a bucket, which others reach, a lease beside the tables says whose it is (see `lease`).
What nobody can put right, two databases that share a warehouse, is refused.
"""

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from akasa.stores import apart, soundness
from akasa.workspace import files, promotion
from akasa.workspace.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

VARIABLE = "AKASA_RUN"  # names the run to the kernels that it starts
_RUN: ContextVar[str | None] = ContextVar("run", default=None)
BREATH_SECONDS = 30.0
_IDLE_SECONDS = 2_147_483  # 24 days, the longest wait_timeout that servers take on every system
_held: dict[str, int] = {}  # the connections that hold this process's locks on databases, by the lock's name


class Busy(RuntimeError):
    """Another run holds the workspace, the database, the warehouse or the outputs."""


class LockLost(RuntimeError):
    """This publish's lock is no longer its own, so that another may be publishing."""


class RunOver(RuntimeError):
    """The run for which something was to be published has ended, and another may have begun."""


def is_by_hand() -> bool:
    """Say whether this process is no run's: somebody has opened a notebook, or calls akasa from a program."""
    return VARIABLE not in os.environ and _RUN.get() is None


@contextmanager
def run(settings: Settings) -> Iterator[str]:
    """Hold workspace, database and outputs for one run, and remove what killed runs left half-written.

    Give the run's name, which kernels are told in AKASA_RUN. Raises Busy, which says who holds them, after
    LOCK_TIMEOUT seconds, and TornDatabase (see `soundness`).
    """
    with _turn(settings) as me, _hold(settings, settings.output_dir, "outputs"):
        sweep(settings)
        yield me


@contextmanager
def publish(settings: Settings) -> Iterator[None]:
    """Hold the workspace and the database for one publish: of this process's run or AKASA_RUN, or by hand.

    Who publishes by hand, in a notebook of JupyterLab, waits for a run that goes on. Raises as `run` does,
    and RunOver.
    """
    of = _RUN.get() or os.environ.get(VARIABLE)
    with (
        nullcontext() if of else _turn(settings),
        _hold(settings, settings.data_dir, "publish"),
        files.private(),
    ):
        if of and of != _holder(settings.data_dir, "run"):
            raise RunOver(
                "nothing was published: the run that started this notebook has ended; start another one"
            )
        with hold_database(settings, "publish"):
            yield


def sweep(settings: Settings) -> None:
    """Complete what killed runs were putting into place, and remove what they left half-written."""
    promotion.settle(settings.output_dir)
    apart.sweep(settings.data_dir)
    for folder in (settings.staging, settings.quarantine, settings.unpublished, settings.output_dir):
        files.sweep(folder)


def settle(settings: Settings) -> None:
    """Complete what a killed run was putting into place, unless another one is at it now.

    For commands that look at outputs and hold no lock; where there is nothing to do, nothing is created.
    """
    if promotion.unsettled(settings.output_dir):
        patient = settings.model_copy(update={"lock_timeout": 0.0})
        with suppress(Busy), _hold(patient, settings.output_dir, "outputs"):
            promotion.settle(settings.output_dir)


@contextmanager
def _turn(settings: Settings) -> Iterator[str]:
    with _hold(settings, settings.data_dir, "run") as me, hold_database(settings, "run"):
        with _hold(settings, settings.data_dir, "publish"):
            pass  # the kernel of a killed run may just be publishing; later it will find that its run is over
        soundness.require_whole(settings)
        with _warehouse(settings, me):
            before = _RUN.set(me)
            try:
                yield me
            finally:
                _RUN.reset(before)
                soundness.note(settings)


def _warehouse(settings: Settings, me: str) -> AbstractContextManager[None]:
    """Hold a warehouse that lies in a bucket."""
    if settings.warehouse_url is None:
        return nullcontext()
    from akasa.stores import lease

    return lease.hold(settings, settings.warehouse_url, me)


@contextmanager
def _hold(settings: Settings, folder: Path, what: str) -> Iterator[str]:
    """Hold a folder for a run, a publish or outputs; give the text that says who holds it."""
    # A pid file outlives its process; this lock does not.
    lock = filelock.FileLock(folder / f".{what}.lock", timeout=settings.lock_timeout)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with nullcontext() if what == "outputs" else files.private():
            folder.mkdir(exist_ok=True)
            lock.acquire()
            (folder / f".{what}.holder").touch()
    except filelock.Timeout:
        who = _holder(folder, what) or "another process"
        raise Busy(
            f"{who} holds {folder}; waited {settings.lock_timeout:g} s. "
            "Try again when it is done, or set LOCK_TIMEOUT."
        ) from None
    me = f"process {os.getpid()} ({what} {uuid.uuid4().hex[:8]})"
    try:
        (folder / f".{what}.holder").write_text(me, "utf-8")
        yield me
    finally:
        (folder / f".{what}.holder").unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path, what: str) -> str | None:
    """Return the text that says who holds a folder, or who held it when it was killed."""
    holder = folder / f".{what}.holder"
    return holder.read_text("utf-8") if holder.exists() else None


@contextmanager
def hold_database(settings: Settings, what: str) -> Iterator[None]:
    """Hold the server's lock on this database for a run or a publish. (SQLite needs none of its own.)

    The server frees it when its holder's connection ends, however that comes about, so the connection does
    not go back to the pool, and must not idle until the server, or what lies between, ends it.
    Raises Busy, which says who holds it, after LOCK_TIMEOUT seconds.
    """
    if settings.db_host is None:
        yield
        return
    from sqlalchemy import text  # a run with nothing to do waits for no import

    from akasa.stores.database import connection

    name = _name(settings, what)
    with connection(settings) as opened:
        seconds = settings.lock_timeout
        opened.execute(text(f"set session wait_timeout = {_IDLE_SECONDS}"))
        taken = opened.execute(text("select get_lock(:name, :seconds)"), {"name": name, "seconds": seconds})
        if taken.scalar() != 1:
            raise Busy(f"{_connected(opened, name)}; waited {seconds:g} s. Try again, or set LOCK_TIMEOUT.")
        _held[name] = opened.execute(text("select connection_id()")).scalar_one()
        opened.commit()
        try:
            with _kept_alive(opened):
                yield
        finally:
            _held.pop(name, None)  # where it was lost and taken again, there are two that end
            opened.invalidate()


def is_lost(settings: Settings, what: str) -> bool:
    """Say whether the server has ended the connection by which this process held the database."""
    name = _name(settings, what)
    if name not in _held:
        return False
    return _holder_of(settings, name) != _held[name]


def _holder_of(settings: Settings, name: str) -> int | None:
    """Return the connection that holds a lock of the server."""
    from sqlalchemy import text

    from akasa.stores.database import connection

    with connection(settings) as opened:
        holder: int | None = opened.execute(text("select is_used_lock(:name)"), {"name": name}).scalar()
    return holder


def require_held(settings: Settings, opened: "Connection") -> None:
    """Raise LockLost where the lock of this process's publish is no longer its own.

    To be asked in the publish's transaction, just before its commit. Where no lock was taken, none is lost.
    """
    require_lease(settings)
    name = _name(settings, "publish")
    if name not in _held:
        return
    from sqlalchemy import text

    holder = opened.execute(text("select is_used_lock(:name)"), {"name": name}).scalar()
    if holder != _held[name]:
        raise LockLost(
            "nothing was published: the server ended the connection that held the lock on database "
            f"{settings.db_name!r}, and another run may be publishing; run it again"
        )


def require_lease(settings: Settings) -> None:
    """Raise LockLost where the warehouse in a bucket is no longer this run's: to be asked before a commit."""
    run = _RUN.get() or os.environ.get(VARIABLE)
    if settings.warehouse_url is None or run is None:
        return
    from akasa.stores import lease

    lease.require_held(settings, settings.warehouse_url, run)


def _name(settings: Settings, what: str) -> str:
    return f"akasa:{what}:{settings.db_name}"[:64]


@contextmanager
def _kept_alive(opened: "Connection") -> Iterator[None]:
    """Use a connection every BREATH_SECONDS: proxies and firewalls cut those that idle."""
    from sqlalchemy.exc import DBAPIError

    stopped = threading.Event()

    def breathe() -> None:
        try:
            while not stopped.wait(BREATH_SECONDS):
                opened.exec_driver_sql("do 0")
                opened.commit()
        except DBAPIError:
            return  # the lock is lost; `require_held` will find it so

    thread = threading.Thread(target=breathe, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(BREATH_SECONDS)


def _connected(opened: "Connection", name: str) -> str:
    holder = opened.exec_driver_sql("select is_used_lock(%s)", (name,)).scalar()
    for found in opened.exec_driver_sql("show processlist"):  # the table of the same is to leave MySQL
        if found.Id == holder:
            return f"connection {holder} of {found.User} from {found.Host} holds the database"
    return "busy"
