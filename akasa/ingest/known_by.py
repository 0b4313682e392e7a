"""A workspace that was made of what was known by a day: which day that is, and what it cannot tell.

`publish.known_by` makes it of another one's ledger. What there is to ingest has been staged before: the drop
folders are the other one's, and looked into for the text of lines alone.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date

from akasa.workspace import files
from akasa.workspace.settings import Settings

_FILE = ".run.known_by.json"


@dataclass(frozen=True)
class Known:
    """The day, and in sentences what is otherwise than it was on that day."""

    day: date
    otherwise: tuple[str, ...]


def write(settings: Settings, known: Known) -> None:
    files.write_text(settings.data_dir / _FILE, json.dumps(asdict(known), default=str) + "\n")


def read(settings: Settings) -> Known | None:
    """Return by which day the workspace's deliveries were known; None for any other workspace."""
    try:
        found = json.loads((settings.data_dir / _FILE).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Known(date.fromisoformat(found["day"]), tuple(found["otherwise"]))
