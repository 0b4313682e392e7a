"""How far a long cell is: the notebook's process tells, the console that started it shows."""

import os
import time
from pathlib import Path

VARIABLE = "AKASA_PROGRESS_FILE"
EVERY_SECONDS = 0.5
_last = [-EVERY_SECONDS]


def tell(text: str) -> None:
    """Note how far the work is, twice a second at most; nowhere, when no console asked for it."""
    file = os.environ.get(VARIABLE)
    if file and time.monotonic() - _last[0] > EVERY_SECONDS:
        _last[0] = time.monotonic()
        Path(file).write_text(text, "utf-8")


def told(file: Path) -> str:
    """Return what was last told, or nothing."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""
