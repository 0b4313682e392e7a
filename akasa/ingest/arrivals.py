"""Deliveries that lie in a bucket (INCOMING_URL): listed, and each fetched once, in one stream.

What was fetched lies in the staging folder until it is read. What is known of an object is noted there as
well, so that one that was looked at before is not fetched again: it has another mark once its bytes change.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from akasa.ingest.deliveries import FETCHED
from akasa.workspace import files, objects, storage
from akasa.workspace.objects import Object
from akasa.workspace.settings import Settings

_NOTES = "objects.json"
Notes = dict[str, tuple[str, str]]  # name → mark, sha256


@dataclass(frozen=True)
class Arrivals:
    """What lies directly below INCOMING_URL, and what is noted of it."""

    settings: Settings
    url: str
    objects: tuple[Object, ...]
    folders: tuple[str, ...]
    notes: Notes

    def path(self, name: str) -> Path:
        """Return where an object lies once it is fetched: its own name may be too long for a file."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self.settings.staging / FETCHED / f"{digest}{Path(name).suffix.lower()}"

    def known(self, one: Object) -> str | None:
        """Return an object's SHA-256, if it was looked at before."""
        mark, sha256 = self.notes.get(one.name, (None, None))
        return sha256 if mark == one.mark else None

    def fetch(self, name: str) -> str:
        """Fetch an object and note it; return its SHA-256. Raises FileNotFoundError where it has gone."""
        path = self.path(name)
        mark, sha256 = objects.fetch(storage.bucket(self.settings, self.url), name, path)
        self.notes[name] = mark, sha256
        with files.private():
            files.write_text(self.settings.staging / _NOTES, json.dumps(self.notes, indent=1) + "\n")
        return sha256

    @contextmanager
    def bytes_of(self, name: str) -> Iterator[Path]:
        """Give an object's bytes as a file, which goes when it was read."""
        path = self.path(name)
        try:
            if not path.exists():
                self.fetch(name)
            yield path
        finally:
            path.unlink(missing_ok=True)


def look(settings: Settings, url: str) -> Arrivals:
    """List what lies below INCOMING_URL. Raises StorageUnavailable."""
    found, folders = objects.listed(storage.bucket(settings, url))
    return Arrivals(settings, url, tuple(found), tuple(folders), _noted(settings))


def _noted(settings: Settings) -> Notes:
    try:
        found = json.loads((settings.staging / _NOTES).read_text("utf-8"))
        return {name: (mark, sha256) for name, (mark, sha256) in found.items()}
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError):
        return {}
