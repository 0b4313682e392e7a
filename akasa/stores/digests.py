"""What the database holds, as digests of content: whoever compares them sees each row that was changed.

SQLite's is its file; nothing is imported for it that takes time.
"""

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from akasa.workspace import files
from akasa.workspace.settings import Settings

_BESIDE = ("", "-wal", "-journal")  # what a writer that was killed has left there counts
_COLUMNS = """
select table_name, column_name from information_schema.columns
where table_schema = database() order by table_name, ordinal_position
"""
# All rows, in whatever order: 64 bits of each one's SHA-256, joined by exclusive or. (CHECKSUM TABLE adds up
# 32 bits of a CRC, and may give the same sum where two rows have changed places in a column.)
_ROWS = """
select count(*), bit_xor(cast(conv(left(sha2(concat_ws(',', {columns}), 256), 16), 16, 10) as unsigned))
from `{table}`
"""
_LAST = "select max(published_at) from deliveries"


def of_database(settings: Settings) -> dict[str, str]:
    """Return the digest of each table of a server and what version it is, or that of SQLite's file."""
    return _of_sqlite(settings) if settings.db_host is None else _of_server(settings)


def last_published(settings: Settings) -> datetime | None:
    """Return when a delivery was published last; None where none was, or no table was made yet."""
    found = _last_of_sqlite(settings) if settings.db_host is None else _last_of_server(settings)
    return datetime.fromisoformat(str(found)).replace(tzinfo=UTC) if found else None


def _of_sqlite(settings: Settings) -> dict[str, str]:
    beside = [settings.sqlite.with_name(f"{settings.sqlite.name}{ending}") for ending in _BESIDE]
    there = [file for file in beside if file.exists() and file.stat().st_size]
    digests = [files.sha256(file) for file in there]
    return {"the database": hashlib.sha256(" ".join(digests).encode()).hexdigest()} if digests else {}


def _of_server(settings: Settings) -> dict[str, str]:
    from akasa.stores import database, models

    ours = {*models.METADATA.tables, "alembic_version"}
    with database.connection(settings, read_only=True) as opened:
        columns: dict[str, list[str]] = {}
        for table, column in opened.exec_driver_sql(_COLUMNS):
            if table in ours:
                columns.setdefault(table, []).append(f"quote(`{column}`)")
        version = opened.exec_driver_sql("select version()").scalar_one()
        tables = {
            f"the table {table}": opened.exec_driver_sql(
                _ROWS.format(columns=", ".join(quoted), table=table)
            ).one()
            for table, quoted in columns.items()
        }
    digests = {name: " ".join(map(str, found)) for name, found in tables.items()}
    return {"the server's version": version, **digests}


def _last_of_sqlite(settings: Settings) -> str | None:
    if not settings.sqlite.exists():
        return None
    with closing(sqlite3.connect(f"{settings.sqlite.as_uri()}?mode=ro", uri=True)) as opened:
        made = opened.execute("select 1 from sqlite_master where name = 'deliveries'").fetchone()
        (found,) = opened.execute(_LAST).fetchone() if made else (None,)
    return found


def _last_of_server(settings: Settings) -> datetime | None:
    from akasa.stores import database

    with database.connection(settings, read_only=True) as opened:
        made = "deliveries" in {table for table, _ in opened.exec_driver_sql(_COLUMNS)}
        found: datetime | None = opened.exec_driver_sql(_LAST).scalar() if made else None
    return found
