"""Where SQLite, MySQL and MariaDB want other words; every other statement is the same text for all three.

Staged rows of a table stand in a temporary table `new_<table>`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from akasa.workspace.tables import KEYS


class Sqlite:
    """SQLite. `mark` stands for a parameter; `collation` compares text byte by byte, unpadded.

    `version` asks which one the server is. So many `parameters` an insert may have: with the sqlite3 module,
    a statement costs more than a row, and SQLite took 999 before 3.32; PyMySQL puts rows together by itself.
    """

    name = "SQLite"
    version = "select sqlite_version()"
    mark = "?"
    parameters = 999
    explain = "explain query plan"
    collation: str | None = None

    def plan(self, steps: Sequence[Mapping[str, Any]]) -> str:
        """Return the rows of an explained query as text, a line a step, below what it is a part of."""
        depth: dict[int, int] = {}
        for step in steps:
            depth[step["id"]] = depth.get(step["parent"], -1) + 1
        return "\n".join("  " * depth[step["id"]] + step["detail"] for step in steps)

    def stage(self, table: str, columns: Sequence[str]) -> str:
        """Make an empty temporary table of some of a table's columns."""
        return f"create temporary table new_{table} as {_no_rows(table, columns)}"

    def unstage(self, table: str) -> str:
        return f"drop table if exists new_{table}"

    def merge(self, table: str, columns: Sequence[str], key: str) -> str:
        """Put staged rows in the place of those that have their key, and the others beside them."""
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
        # Without `where true`, SQLite takes the `on` of `on conflict` for that of a join.
        return f"{_insert(table, columns)} where true on conflict ({key}) do update set {changes}"

    def delete(self, table: str, key: str, joined: str) -> str:
        """Delete the rows of a table that take part in a join (`a join b on …`, with its conditions)."""
        return f"delete from {table} where {key} in (select {table}.{key} from {joined})"


class MySql(Sqlite):
    """MySQL 8 and 9."""

    name = "MySQL"
    version = "select version()"
    mark = "%s"
    parameters = 1
    explain = "explain format=traditional"  # since MySQL 9 the default is a tree, without columns
    collation = "utf8mb4_0900_bin"

    def plan(self, steps: Sequence[Mapping[str, Any]]) -> str:
        return "\n".join(
            f"{'  ' * (step['id'] - 1)}{step['table']}: {step['type']}, "
            f"{'index ' + step['key'] if step['key'] else 'no index'}, about {step['rows']} rows"
            f"{'; ' + step['Extra'] if step['Extra'] else ''}"
            for step in steps
        )

    def stage(self, table: str, columns: Sequence[str]) -> str:
        # Staged rows come in the order of this key, so that merging them needs no sort.
        keys = [column for column in columns if column in KEYS[table]]
        rows = _no_rows(table, columns)
        return f"create temporary table new_{table} (primary key ({', '.join(keys)})) as {rows}"

    def unstage(self, table: str) -> str:
        # Any other DROP TABLE commits what was done so far.
        return f"drop temporary table if exists new_{table}"

    def merge(self, table: str, columns: Sequence[str], key: str) -> str:
        changes = ", ".join(f"{column} = new_{table}.{column}" for column in columns if column != key)
        return f"{_insert(table, columns)} on duplicate key update {changes}"

    def delete(self, table: str, key: str, joined: str) -> str:
        # `where … in (select …)` would look through the whole table, and cannot name a temporary one twice.
        return f"delete {table} from {joined}"


class MariaDb(MySql):
    """MariaDB 10.6 and newer."""

    name = "MariaDB"
    collation = "utf8mb4_nopad_bin"

    def stage(self, table: str, columns: Sequence[str]) -> str:
        # Aria, its own engine for temporary tables, takes rows in nearly twice as fast as InnoDB.
        rows = _no_rows(table, columns)
        return f"create temporary table new_{table} engine = aria transactional = 0 as {rows}"


def of(connection: Connection) -> Sqlite:
    """Return the dialect that a connection's server speaks."""
    if connection.dialect.name == "sqlite":
        return Sqlite()
    return MariaDb() if getattr(connection.dialect, "is_mariadb", False) else MySql()


def _no_rows(table: str, columns: Sequence[str]) -> str:
    return f"select {', '.join(columns)} from {table} where 1 = 0"


def _insert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    return f"insert into {table} ({names}) select {names} from new_{table}"
