"""Migrations: each brings the tables one step on, and can be run again when it was cut short.

On MySQL and MariaDB every DDL statement commits by itself, so a killed migration leaves part of its work.
"""

from sqlalchemy import Connection, inspect


def text_options(connection: Connection) -> dict[str, str]:
    """Return table options under which the server compares text byte by byte and unpadded, as pandas does."""
    if connection.dialect.name == "sqlite":
        return {}
    is_mariadb = getattr(connection.dialect, "is_mariadb", False)
    collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
    return {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": collation}


def has_index(connection: Connection, table: str, name: str) -> bool:
    return name in {index["name"] for index in inspect(connection).get_indexes(table)}
