"""The time that outputs carry."""

import os
from datetime import UTC, datetime

VARIABLE = "SOURCE_DATE_EPOCH"


def now() -> datetime:
    """Return the time (UTC), or, so that outputs can be repeated, that of SOURCE_DATE_EPOCH (in seconds)."""
    given = os.environ.get(VARIABLE)
    return datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)


def seconds(measured: float) -> float:
    """Return how long something took, to the millisecond; 0 where SOURCE_DATE_EPOCH stops the time."""
    return 0.0 if os.environ.get(VARIABLE) else round(measured, 3)
