"""One run at a time: hold the workspace, and the database where other machines can reach it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import filelock
from sqlalchemy import Connection, text

from akasa.stores.database import connection
from akasa.workspace import files
from akasa.workspace.settings import Settings


class Busy(RuntimeError):
    """Another run holds the workspace or the database."""


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the workspace and the database for one run, and remove what killed runs left half-written.

    Raises Busy, which says who holds them, after LOCK_TIMEOUT seconds.
    """
    with hold_workspace(settings), hold_database(settings):
        sweep(settings)
        yield


def sweep(settings: Settings) -> None:
    """Remove what killed runs left half-written."""
    for folder in (settings.staging, settings.quarantine, settings.output_dir):
        files.sweep(folder)


@contextmanager
def hold_workspace(settings: Settings) -> Iterator[None]:
    """Hold the workspace: the lock is the kernel's, so it is free again when its holder dies."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # A pid file outlives its process; this lock does not.
    lock = filelock.FileLock(settings.data_dir / ".run.lock", timeout=settings.lock_timeout)
    holder = settings.data_dir / ".run.holder"
    try:
        lock.acquire()
    except filelock.Timeout:
        who = holder.read_text("utf-8") if holder.exists() else "another process"
        raise Busy(
            f"{who} is running in {settings.data_dir}; waited {settings.lock_timeout:g} s. "
            "Try again when it is done, or set LOCK_TIMEOUT."
        ) from None
    try:
        holder.write_text(f"process {os.getpid()}", "utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def hold_database(settings: Settings) -> Iterator[None]:
    """Hold the server's lock on this database for one run. (SQLite needs none beyond the workspace's.)

    The server frees it when its holder's connection ends, however that comes about, so the connection does
    not go back to the pool. Raises Busy, which says who holds it, after LOCK_TIMEOUT seconds.
    """
    if settings.db_host is None:
        yield
        return
    name = f"akasa:{settings.db_name}"[:64]
    with connection(settings) as opened:
        seconds = settings.lock_timeout
        taken = opened.execute(text("select get_lock(:name, :seconds)"), {"name": name, "seconds": seconds})
        if taken.scalar() != 1:
            raise Busy(f"{_holder(opened, name)}; waited {seconds:g} s. Try again, or set LOCK_TIMEOUT.")
        opened.commit()
        try:
            yield
        finally:
            opened.invalidate()


def _holder(opened: Connection, name: str) -> str:
    found = opened.execute(
        text("select id, user, host from information_schema.processlist where id = is_used_lock(:name)"),
        {"name": name},
    ).first()
    return f"connection {found.id} of {found.user} from {found.host} holds the database" if found else "busy"
