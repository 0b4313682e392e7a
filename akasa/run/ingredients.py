"""What a step's outputs are made of: all that it reads, by content, so that a change of any of it is seen.

An ingredient has a name that people know, and a value: a digest, or a text of its own. They come in parts.
"""

import hashlib
import json
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akasa.ingest import deliveries, repairs
from akasa.run import parameters
from akasa.run.steps import NOTEBOOKS
from akasa.stores import digests
from akasa.workspace import clock, files, secrets
from akasa.workspace.settings import CODE, Settings

Part = Mapping[str, str]
Ingredients = Mapping[str, Part]

UNKNOWN = "?"  # what cannot be looked at is never what it was
SAID = "said"  # stands for the digest of a warning, whose name is all there is of it

# Which parts of the workspace each step reads; `left` is what the steps before it left in outputs.
READS = {
    "01_ingest": ("deliveries", "staging"),
    "02_validate": ("staging", "database", "warehouse", "judged", "rejects", "audits", "profiles"),
    "03_kpis_sql": ("database",),
    "04_kpis_memory": ("warehouse",),
    # The lines behind its numbers are those of delivered files, or of staging.
    "05_report": (
        *("left", "staging", "database", "warehouse", "judged", "rejects", "audits", "profiles"),
        *("silence", "deliveries"),
    ),
}
# Which of them it may change: its own outputs are made of these as it left them.
WRITES = {
    "01_ingest": ("staging", "manifest"),
    "02_validate": ("database", "warehouse", "judged", "rejects", "audits", "profiles", "silence"),
}
# Where things lie, who may see them and how long a run may take changes no output.
WITHOUT_EFFECT = (
    "data_dir",
    "output_dir",
    "db_password",
    "db_wait",
    "lock_timeout",
    "cell_timeout",
    "run_timeout",
    "keep_runs",
    "log_level",
    "log_format",
    "metrics_file",
    "aws_secret_name",  # what it gives counts
    "publish_url",
    "s3_bucket",
    "aws_endpoint_url",
    "aws_region",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
)
# The steps that read a setting; one that is not here counts as read by all.
_OF_DATABASE = ("02_validate", "03_kpis_sql", "05_report")
READ_BY = {
    **dict.fromkeys(("customers_csv_path", "orders_xml_path", "incoming_dir", "on_refused"), ("01_ingest",)),
    "amount_is": ("02_validate", "05_report"),
    **dict.fromkeys(("today", "max_replaced_ratio"), ("02_validate",)),
    **dict.fromkeys(("db_local_infile", "warehouse_retention_days"), ("02_validate",)),
    **dict.fromkeys(("max_unmatched_ratio", "min_revenue_ratio", "max_revenue_ratio"), ("02_validate",)),
    **dict.fromkeys(
        ("source_timezone", "business_timezone", "max_reject_ratio"), ("02_validate", "05_report")
    ),
    **dict.fromkeys(("db_host", "db_port", "db_user", "db_name"), _OF_DATABASE),
    "incoming_url": ("01_ingest", "05_report"),
    "warehouse_url": ("02_validate", "04_kpis_memory", "05_report"),
    # 01 and 02 have large deliveries read and judged there, to the same bytes as here.
    "dask_scheduler_address": ("04_kpis_memory",),
    "freshness_hours": ("05_report",),
}
_SHOWS_TIMES = ("02_validate", "05_report")


@dataclass
class Look:
    """What lies in the workspace: each part is looked at once, until a step writes there.

    So what comes while a run goes on is not taken for what its steps have read.
    """

    settings: Settings
    seen: dict[str, Part] = field(default_factory=dict)

    def at(self, part: str) -> Part:
        if part not in self.seen:
            self.seen[part] = _looked_at(part, self.settings)
        return self.seen[part]

    def wrote(self, step: str) -> None:
        """Look anew at what a step may have changed."""
        for part in WRITES.get(step, ()):
            self.seen.pop(part, None)


def of(
    step: str, look: Look, typed: Mapping[str, Any], left: Part, without: Collection[str] = ()
) -> Ingredients:
    """Return the ingredients of a step by part, that first which says most.

    `typed` are the parameters that it was given, `left` the files that the steps before it left, by name.
    Parts `without` which somebody can do are not looked at.
    """
    given = parameters.effective(step, typed)
    parts = [part for part in READS[step] if part not in without]
    reads = {part: _read(left) if part == "left" else look.at(part) for part in parts}
    return {
        "parameters": {name: _text(value) for name, value in given.items()},
        "settings": dict(_settings(step, look.settings)),
        **reads,
        "notebook": _notebook(step),
        "package": look.at("package"),
        "versions": look.at("versions"),
    }


def of_notebook(file: Path) -> str:
    """Return the digest of all that a notebook says, its code and its words, but not of its outputs."""
    notebook = json.loads(file.read_text("utf-8"))
    for cell in notebook["cells"]:
        for made in ("outputs", "execution_count"):
            cell.pop(made, None)
    return _digest(json.dumps(notebook, sort_keys=True))


def _notebook(step: str) -> Part:
    """Return the notebook, and what lies beside it that is none: a kernel would find a module there."""
    beside = (name for name in _names(NOTEBOOKS) if not name.startswith(".") and not name.endswith(".ipynb"))
    own = {f"notebooks/{step}.ipynb": of_notebook(NOTEBOOKS / f"{step}.ipynb")}
    return own | {f"notebooks/{name}": _content(NOTEBOOKS / name) for name in beside}


def _looked_at(part: str, settings: Settings) -> Part:
    try:
        return _PARTS[part](settings)
    except (OSError, sqlite3.Error):  # whoever reads it will say what is wrong
        return {_WORDS.get(part, f"data/{part}"): UNKNOWN}


def _deliveries(settings: Settings) -> Part:
    found = deliveries.find(settings, fetch=False)
    there: dict[str, str] = {}
    for one in found.deliveries:  # both base files may go by one name
        there[one.name] = f"{there.get(one.name, '')} {one.kind} {one.mark or one.sha256}".strip()
    return there | dict.fromkeys(found.warnings, SAID)


def _manifest(settings: Settings) -> Part:
    """Return what was found there, and what repairs among it say that they mend."""
    file = settings.staging / "manifest.json"
    found = {"data/staging/manifest.json": files.sha256(file)} if file.exists() else {}
    mending = _each_file(settings.staging / repairs.FOLDER, f"data/staging/{repairs.FOLDER}")
    return {**found, **mending}


def _silence(settings: Settings) -> Part:
    """Return the one thing in which the page depends on the clock: for how long nothing was delivered."""
    last = digests.last_published(settings)
    hours = clock.hours_of_silence(last, clock.now(), settings.freshness_hours)
    return {} if hours is None else {"hours without a delivery": str(hours)}


def _warehouse(settings: Settings) -> Part:
    if settings.warehouse_url is None:
        return _each_folder(settings.warehouse, "data/warehouse")
    from akasa.workspace import objects, storage

    there = objects.below(storage.bucket(settings, settings.warehouse_url))
    return _each_thing({name: mark for name, mark in there.items() if "/" in name}, "data/warehouse")


def _package(_: Settings) -> Part:
    folder = CODE / "akasa"
    return {f"akasa/{name}": _content(folder / name) for name in _names(folder)}


def _versions(_: Settings) -> Part:
    """Return Python's version, SQLite's, and that of all that is installed, by the names of folders.

    (To read each package's own account of itself takes a third of a second.)
    """
    python = f"{platform.python_implementation()} {platform.python_version()} ({sys.platform})"
    found = {"Python": python, "SQLite": sqlite3.sqlite_version}
    for folder in sys.path:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            package, ending = os.path.splitext(name)
            if ending in (".dist-info", ".egg-info"):
                title, dash, version = package.partition("-")
                found.setdefault(title, version if dash else "")
    return found


_PARTS: Mapping[str, Callable[[Settings], Part]] = {
    "deliveries": _deliveries,
    "staging": lambda settings: _each_file(settings.staging, "data/staging"),
    "manifest": _manifest,
    "database": digests.of_database,
    "silence": _silence,
    "warehouse": _warehouse,
    "judged": lambda settings: _each_folder(settings.judged, "data/judged"),
    "rejects": lambda settings: _each_file(settings.quarantine, "data/rejects"),
    "audits": lambda settings: _each_file(settings.audits, "data/audits"),
    "profiles": lambda settings: _each_file(settings.profiles, "data/profiles"),
    "package": _package,
    "versions": _versions,
}
_WORDS = {
    "deliveries": "the drop folders",
    "database": "the database",
    "silence": "when something was delivered last",
}


def _settings(step: str, settings: Settings) -> Iterator[tuple[str, str]]:
    known = secrets.of_process()
    for name in Settings.model_fields:
        if name not in WITHOUT_EFFECT and step in READ_BY.get(name, (step,)):
            yield name.upper(), secrets.hide(_text(getattr(settings, name)), known)
    if step in _SHOWS_TIMES:
        yield clock.VARIABLE, os.environ.get(clock.VARIABLE) or _text(None)


def _read(left: Part) -> Part:
    """Return the files that 05 reads of what the others left: what was computed, not the pages."""
    return {name: digest for name, digest in left.items() if name.endswith((".json", ".csv"))}


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)


def _each_file(folder: Path, label: str) -> Part:
    return {f"{label}/{name}": _content(folder / name) for name in _names(folder)}


def _each_folder(folder: Path, label: str) -> Part:
    """Return one digest for each of the things in a folder, with all that is in it."""
    return _each_thing({name: _content(folder / name) for name in _names(folder)}, label)


def _each_thing(contents: Part, label: str) -> Part:
    things: dict[str, list[str]] = {}
    for name, content in contents.items():
        things.setdefault(name.partition("/")[0], []).append(f"{name} {content}")
    return {f"{label}/{name}": _digest("\n".join(there)) for name, there in things.items()}


def _names(folder: Path) -> list[str]:
    """Return all files below a folder, in order; raise what keeps one from looking there."""
    if not folder.exists():
        return []
    found = (
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=_raised)
        if os.path.basename(place) != "__pycache__"
        for name in names
    )
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _raised(error: OSError) -> None:
    raise error


def _content(path: Path) -> str:
    return files.sha256(path) if path.is_file() else "no file"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
