"""What `outputs/run.json` says of a run, besides its files."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from akasa import __version__
from akasa.kpis import results
from akasa.workspace import clock


def about(private: Path, given: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """Return the run's name, times, version, parameters, and what its engines computed for.

    `private` holds its files. The name is made of when it started and of what it wrote: the same files at
    the same time are the same run.
    """
    computed = results.computed(private)
    return {
        "run": f"{started:%Y%m%dT%H%M%SZ}-{_digest(private)[:8]}",
        "akasa": __version__,
        "started": started.isoformat(timespec="seconds"),
        "ended": clock.now().isoformat(timespec="seconds"),
        "parameters": dict(sorted(given.items())),
        "engines": list(computed),
        **(asdict(computed["sql"]) if "sql" in computed else {}),
    }


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
