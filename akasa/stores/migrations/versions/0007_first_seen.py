"""Sightings note the day on which they were first seen: a report can be made of what was known by a day.

Of those that are there, it is the day on which their delivery was published, in the zone that the ledger has;
of what was withdrawn, the day that stands for its records.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_PUBLISHED = "select sha256, published_at, business_timezone from deliveries"


def upgrade() -> None:
    bind = op.get_bind()
    there = {column["name"] for column in sa.inspect(bind).get_columns("sightings")}
    if "seen_on" not in there:
        op.add_column("sightings", sa.Column("seen_on", sa.Date(), nullable=True))
    bind.execute(sa.text("update sightings set seen_on = day where seen_on is null and withdrawn = 1"))
    fill = sa.text("update sightings set seen_on = :day where seen_on is null and sha256 = :sha256")
    for sha256, moment, zone in bind.execute(sa.text(_PUBLISHED)).all():
        utc = datetime.fromisoformat(str(moment)).replace(tzinfo=UTC)
        day = utc.astimezone(ZoneInfo(zone or "Asia/Kolkata")).date()
        bind.execute(fill, {"day": day.isoformat(), "sha256": sha256})
