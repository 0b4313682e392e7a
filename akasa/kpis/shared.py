"""What KPIs share is computed once, though they run side by side."""

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TypeVar

Of = TypeVar("Of")
Found = TypeVar("Found")


def once(compute: Callable[[Of], Found]) -> Callable[[Of], Found]:
    """Return the function with its results kept. Who asks while it computes waits for it."""
    kept: Callable[[Of], Found] = cache(compute)
    lock = Lock()

    def computed(of: Of) -> Found:
        with lock:
            return kept(of)

    return computed
