"""Locks: one run at a time in a workspace and on a database, and one publish at a time, which holds its own.

A run outlives its kernels, and a kernel may outlive its run: one whose runner was killed goes on for a while.
So the kernel that publishes takes the publish's lock itself, and must not publish once another run has begun.
All locks are the kernel's or the server's: they are free again when their holder dies.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path

import filelock
from sqlalchemy import Connection, text

from akasa.stores.database import connection
from akasa.workspace import files
from akasa.workspace.settings import Settings

VARIABLE = "AKASA_RUN"  # names the run to the kernels that it starts
_RUN: ContextVar[str | None] = ContextVar("run", default=None)


class Busy(RuntimeError):
    """Another run holds the workspace or the database."""


class RunOver(RuntimeError):
    """The run for which something was to be published has ended, and another may have begun."""


@contextmanager
def run(settings: Settings) -> Iterator[str]:
    """Hold the workspace and the database for one run, and remove what killed runs left half-written.

    Give the run's name, which kernels are told in AKASA_RUN. Raises Busy, which says who holds them, after
    LOCK_TIMEOUT seconds.
    """
    with _turn(settings) as me:
        sweep(settings)
        yield me


@contextmanager
def publish(settings: Settings) -> Iterator[None]:
    """Hold the workspace and the database for one publish: of this process's run or AKASA_RUN, or by hand.

    Who publishes by hand, in a notebook of JupyterLab, waits for a run that goes on. Raises Busy as `run`
    does, and RunOver.
    """
    of = _RUN.get() or os.environ.get(VARIABLE)
    with nullcontext() if of else _turn(settings), _hold(settings, settings.data_dir, "publish"):
        if of and of != _holder(settings.data_dir, "run"):
            raise RunOver(
                "nothing was published: the run that started this notebook has ended; start another one"
            )
        with hold_database(settings, "publish"):
            yield


def sweep(settings: Settings) -> None:
    """Remove what killed runs left half-written."""
    for folder in (settings.staging, settings.quarantine, settings.output_dir):
        files.sweep(folder)


@contextmanager
def _turn(settings: Settings) -> Iterator[str]:
    with _hold(settings, settings.data_dir, "run") as me, hold_database(settings, "run"):
        with _hold(settings, settings.data_dir, "publish"):
            pass  # the kernel of a killed run may just be publishing; later it will find that its run is over
        before = _RUN.set(me)
        try:
            yield me
        finally:
            _RUN.reset(before)


@contextmanager
def _hold(settings: Settings, folder: Path, what: str) -> Iterator[str]:
    """Hold a folder for a run or a publish; give the text that says who holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    # A pid file outlives its process; this lock does not.
    lock = filelock.FileLock(folder / f".{what}.lock", timeout=settings.lock_timeout)
    try:
        lock.acquire()
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
    not go back to the pool. Raises Busy, which says who holds it, after LOCK_TIMEOUT seconds.
    """
    if settings.db_host is None:
        yield
        return
    name = f"akasa:{what}:{settings.db_name}"[:64]
    with connection(settings) as opened:
        seconds = settings.lock_timeout
        taken = opened.execute(text("select get_lock(:name, :seconds)"), {"name": name, "seconds": seconds})
        if taken.scalar() != 1:
            raise Busy(f"{_connected(opened, name)}; waited {seconds:g} s. Try again, or set LOCK_TIMEOUT.")
        opened.commit()
        try:
            yield
        finally:
            opened.invalidate()


def _connected(opened: Connection, name: str) -> str:
    found = opened.execute(
        text("select id, user, host from information_schema.processlist where id = is_used_lock(:name)"),
        {"name": name},
    ).first()
    return f"connection {found.id} of {found.user} from {found.host} holds the database" if found else "busy"
