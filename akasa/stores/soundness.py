"""Whether SQLite's file is whole: one that no run has left so is looked through before anything uses it.

A file that was copied while a run wrote to it may hold pages of two moments. SQLite tells that only where it
stumbles over it, and two engines agree on what both have read from there. So a run notes how it leaves the
file, and one that is another file, as after a restore, or was written since, is checked once: every page and
index, and whether rows and ledger belong together. Nothing is imported for it that takes time.
"""

import json
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from akasa.workspace import files
from akasa.workspace.settings import Settings

_CACHE_KIBIBYTES = 262_144  # with SQLite's own 2 MB, each page is read again and again
_FILE = ".database.json"  # in DATA_DIR: how the last run left SQLite's file
# What no publish, backfill or withdrawal leaves: where it finds a row, tables are of two moments.
_APART = {
    "rows of a delivery that is in no ledger": """
        select 1 from (
            select delivery_id from customers union select delivery_id from orders
            union select delivery_id from order_items
        ) where delivery_id not in (select delivery_id from deliveries)
    """,
    "items without their order": """
        select 1 from order_items left join orders on orders.order_id = order_items.order_id
        and orders.delivery_id = order_items.delivery_id where orders.order_id is null
    """,
    "orders without items": """
        select 1 from orders where order_id not in (select order_id from order_items)
    """,
    "a delivery that was never seen": """
        select 1 from deliveries where sha256 not in (select sha256 from sightings where withdrawn = 0)
    """,
    "a file that was seen and never published": """
        select 1 from sightings where withdrawn = 0 and sha256 not in (select sha256 from deliveries)
    """,
    "customers who hold no number": """
        select 1 from customers where mobile_number not in (select mobile_number from holdings)
    """,
    "numbers that nobody holds": """
        select 1 from holdings where customer_id not in (select customer_id from customers)
    """,
    "other rows of the last delivery than the ledger counts": """
        select 1 from (
            select kind, delivery_id, accepted, max(position) from deliveries group by kind
        ) as last where accepted <> case kind
            when 'customers' then (select count(*) from customers where delivery_id = last.delivery_id)
            else (select count(*) from order_items where delivery_id = last.delivery_id) end
    """,
}


class TornDatabase(RuntimeError):
    """SQLite's file is not whole, as a copy that was made while a run wrote to it."""


def require_whole(settings: Settings) -> None:
    """Raise TornDatabase where SQLite's file is not as a run left it, and not whole either.

    To be called while no other run goes on. A server looks after its own files.
    """
    if settings.db_host is not None or not settings.sqlite.exists() or _noted(settings) == _look(settings):
        return
    wrong = fault(settings.sqlite)
    if wrong:
        raise TornDatabase(
            f"nothing was published: {settings.label(settings.sqlite)} is damaged ({wrong}); it may have "
            "been copied while a run wrote to it. Put a dump in its place, as docs/operations.md says"
        )


def note(settings: Settings) -> None:
    """Note how a run leaves SQLite's file. (Where the disk is full, the next one looks through it.)"""
    if settings.db_host is None and settings.sqlite.exists():
        with files.private(), suppress(OSError):
            files.write_text(settings.data_dir / _FILE, json.dumps(_look(settings)) + "\n")


def _look(settings: Settings) -> list[int]:
    found = os.stat(settings.sqlite)
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _noted(settings: Settings) -> object:
    try:
        return json.loads((settings.data_dir / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def fault(file: Path) -> str | None:
    """Return the first thing that is wrong with a file of SQLite, if any."""
    try:
        with closing(sqlite3.connect(file)) as opened:
            opened.execute(f"pragma cache_size = -{_CACHE_KIBIBYTES}")
            (said,) = opened.execute("pragma integrity_check(1)").fetchone()
            if said != "ok":
                return str(said).replace("\n", " ")
            tables = {name for (name,) in opened.execute("select name from sqlite_master")}
            if not {"sightings", "holdings"} <= tables:  # an earlier version's, to be migrated
                return None
            return next((what for what, rows in _APART.items() if _any(opened, rows)), None)
    except sqlite3.DatabaseError as error:
        return str(error)


def _any(opened: sqlite3.Connection, rows: str) -> bool:
    return opened.execute(f"{rows} limit 1").fetchone() is not None
