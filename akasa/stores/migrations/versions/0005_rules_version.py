"""The ledger notes the version of the rules that judged a delivery, and counts what is published now.

By which rules older deliveries were judged is not known. What backfills had changed of them stood beside the
counts of their first publishing, and goes into these.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_COUNTED = "accepted + backfilled_rows >= 0 and rejected - backfilled_rows >= 0"


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("deliveries")}
    if "rules_version" not in there:
        op.add_column("deliveries", sa.Column("rules_version", sa.Integer(), nullable=True))
    if "backfilled_rows" in there:
        # Where that gives no count, rows came from another delivery, not from records of its own.
        op.execute(
            "update deliveries set accepted = accepted + backfilled_rows, "
            f"rejected = rejected - backfilled_rows, backfilled_rows = 0 where {_COUNTED}"
        )
        op.drop_column("deliveries", "backfilled_rows")
