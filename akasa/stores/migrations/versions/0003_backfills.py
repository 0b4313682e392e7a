"""The ledger notes when a backfill last changed a delivery's rows, and by how many."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("deliveries")}
    for column in _columns():
        if column.name not in there:
            op.add_column("deliveries", column)


def _columns() -> Iterator[sa.Column[Any]]:
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    yield sa.Column("backfilled_at", moment, nullable=True)
    yield sa.Column("backfilled_rows", sa.BigInteger(), nullable=False, server_default="0")
