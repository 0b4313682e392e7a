"""Sightings: under which names the bytes of each delivery lay, and what each delivery was judged under.

The ledger's own names are the first sightings. What older deliveries were judged under is not known.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from akasa.stores.migrations import text_options

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    inspector = sa.inspect(op.get_bind())
    there = {column["name"] for column in inspector.get_columns("deliveries")}
    for column in _judged_under():
        if column.name not in there:
            op.add_column("deliveries", column)
    options: dict[str, Any] = {**text_options(op.get_bind()), "if_not_exists": True}
    op.create_table(
        "sightings",
        sa.Column("name", sa.String(300), nullable=False, primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False, server_default="0"),
        **options,
    )
    if not op.get_bind().execute(sa.text("select count(*) from sightings")).scalar():
        op.execute(
            "insert into sightings (name, revision, kind, sha256, day) "
            "select name, row_number() over ("
            # Base files, whose positions begin with 0, have one place a kind, whatever they are called.
            "partition by case when substr(position, 1, 1) = '0' then kind else name end order by position"
            ") - 1, kind, sha256, delivered_on from deliveries"
        )


def _judged_under() -> Iterator[sa.Column[Any]]:
    for name in ("source_timezone", "business_timezone"):
        yield sa.Column(name, sa.String(64), nullable=True)
