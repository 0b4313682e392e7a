"""Holdings: who holds a number from which day. Filled from the customers that are published.

Rows without a position stand until the next publish, which works them out from all claims, also those of
customers who have named other numbers since.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from akasa.stores.migrations import text_options

revision = "0006"
down_revision = "0005"

_EVER = date(1000, 1, 1)
_CLAIMS = """
select customers.mobile_number, customers.customer_id, deliveries.position, deliveries.delivered_on
from customers join deliveries on deliveries.delivery_id = customers.delivery_id
order by customers.mobile_number, deliveries.position
"""


def upgrade() -> None:
    options: dict[str, Any] = {**text_options(op.get_bind()), "if_not_exists": True}
    op.create_table(
        "holdings",
        sa.Column("mobile_number", sa.String(10), nullable=False, primary_key=True),
        sa.Column("customer_id", sa.String(255), nullable=False, primary_key=True),
        sa.Column("from_day", sa.Date(), nullable=False, primary_key=True),
        sa.Column("until_day", sa.Date(), nullable=True),
        sa.Column("position", sa.String(400), nullable=False),
        **options,
    )
    if not op.get_bind().execute(sa.text("select count(*) from holdings")).scalar():
        claims = op.get_bind().execute(sa.text(_CLAIMS)).all()
        rows = [row for _, group in groupby(claims, lambda claim: claim[0]) for row in _held(group)]
        columns = "mobile_number, customer_id, from_day, until_day, position"
        marks = ":mobile_number, :customer_id, :from_day, :until_day, ''"
        if rows:
            op.get_bind().execute(sa.text(f"insert into holdings ({columns}) values ({marks})"), rows)


def _held(claims: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield the holdings of one number: a base file's claims count from ever, like the first one."""
    stands: list[tuple[str, str, date]] = []
    for number, customer_id, position, day in claims:
        is_first = not stands or position.startswith("0")
        since = _EVER if is_first else date.fromisoformat(str(day)) - timedelta(days=1)
        while stands and stands[-1][2] >= since:
            stands.pop()
        if not stands or stands[-1][1] != customer_id:
            stands.append((number, customer_id, since))
    for (number, customer_id, since), until in zip(stands, [*stands[1:], None], strict=True):
        days = {"from_day": str(since), "until_day": str(until[2]) if until else None}
        yield {"mobile_number": number, "customer_id": customer_id, **days}
