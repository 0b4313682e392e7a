"""Places in a publish where a crash test kills the process, as a power cut would; idle in ordinary runs."""

import os
import signal
from itertools import count
from pathlib import Path
from threading import Lock

VARIABLE = "AKASA_FAILPOINTS"
_numbers = count(1)
_one_at_a_time = Lock()


def reached(place: str) -> None:
    """Note a place in the log that AKASA_FAILPOINTS names, `<file>:<number>`, and die at that number."""
    where = os.environ.get(VARIABLE)
    if where:
        log, _, last = where.rpartition(":")
        with _one_at_a_time, Path(log).open("a", encoding="utf-8") as stream:
            number = next(_numbers)
            stream.write(f"{number} {place}\n")
            stream.flush()
            if number == int(last):
                os.kill(os.getpid(), signal.SIGKILL)
