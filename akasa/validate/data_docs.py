"""Great Expectations' pages, put where they belong, and the same whenever they tell of the same."""

import re
import shutil
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

_TIME = re.compile(r"\b\d{8}T\d{6}\.\d{6}Z\b")
_RANDOM = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")


def put(site: Path, folder: Path, time: datetime, edit: Callable[[str], str] = str) -> None:
    """Copy a site's pages, edited, into a folder, as the umask says; `time` is when the audit was made."""
    for source in (path for path in site.rglob("*") if path.is_file()):
        target = folder / source.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".html":
            target.write_text(edit(repeatable(source.read_text("utf-8"), time)), "utf-8")
        else:
            shutil.copyfile(source, target)


def repeatable(page: str, time: datetime) -> str:
    """Return a page whose times are the audit's own, and whose random ids are numbers in their order.

    >>> repeatable("a.png?d=20250102T030405.678901Z", datetime(2025, 1, 1))
    'a.png?d=20250101T000000.000000Z'
    """
    numbers: dict[str, uuid.UUID] = {}

    def number(found: re.Match[str]) -> str:
        return str(numbers.setdefault(found[0], uuid.UUID(int=len(numbers) + 1)))

    return _RANDOM.sub(number, _TIME.sub(f"{time:%Y%m%dT%H%M%S.%fZ}", page))
