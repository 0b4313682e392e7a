"""The time that outputs carry."""

import os
from datetime import UTC, datetime, timedelta

VARIABLE = "SOURCE_DATE_EPOCH"


def now() -> datetime:
    """Return the time (UTC), or, so that outputs can be repeated, that of SOURCE_DATE_EPOCH (in seconds)."""
    given = os.environ.get(VARIABLE)
    return datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)


def hours_of_silence(last: datetime | None, now: datetime, allowed: float) -> int | None:
    """Return how many whole hours have passed since something last happened, if more than are allowed.

    >>> hours_of_silence(datetime(2025, 11, 10, 6), datetime(2025, 11, 12, 7), 48)
    49
    >>> hours_of_silence(datetime(2025, 11, 10, 6), datetime(2025, 11, 12, 6), 48)
    """
    if last is None or now - last <= timedelta(hours=allowed):
        return None
    return (now - last) // timedelta(hours=1)


def seconds(measured: float) -> float:
    """Return how long something took, to the millisecond; 0 where SOURCE_DATE_EPOCH stops the time."""
    return 0.0 if os.environ.get(VARIABLE) else round(measured, 3)
