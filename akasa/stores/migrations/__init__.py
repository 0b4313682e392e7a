"""Migrations: each brings the tables one step on, and can be run again when it was cut short.

On MySQL and MariaDB every DDL statement commits by itself, so a killed migration leaves part of its work.
"""

from sqlalchemy import Connection, inspect

from akasa.stores import dialects


def text_options(connection: Connection) -> dict[str, str]:
    """Return table options under which the server compares text byte by byte and unpadded, as pandas does."""
    collation = dialects.of(connection).collation
    if collation is None:
        return {}
    return {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": collation}


def has_index(connection: Connection, table: str, name: str) -> bool:
    return name in {index["name"] for index in inspect(connection).get_indexes(table)}
