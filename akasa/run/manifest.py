"""What `outputs/run.json` says of a run, besides its files; `docs/run.schema.json` explains each name."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from pydantic import SecretStr

from akasa import __version__
from akasa.kpis import results
from akasa.run import outcomes, parameters
from akasa.run.steps import STEPS
from akasa.run.versions import versions
from akasa.stores import database
from akasa.validate import audits, gate, plan, rules
from akasa.workspace import clock, masking, secrets
from akasa.workspace.settings import Settings

PROOF = "proof.json"
_COUNTS = ("records", "accepted", "rejected", "repeats")


def about(
    settings: Settings,
    private: Path,
    given: Iterable[str],
    typed: Mapping[str, Mapping[str, Any]],
    started: datetime,
    steps: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what a run was made of, how it went, and what was proved; its name, too.

    `private` holds its files, `typed` the parameters of each step, of which `given` were asked for, `steps`
    tell how each ended. The name is made of when it started and of what it wrote: the same files at the same
    time are the same run. Nothing in it is a secret, and no mobile number is in it where they are to be
    masked.
    """
    computed = results.computed(private)
    of_sql = asdict(computed["sql"]) if "sql" in computed else {}
    taken, show = effective(settings, typed), _showing(settings)
    return {
        "run": f"{started:%Y%m%dT%H%M%SZ}-{_digest(private)[:8]}",
        "akasa": __version__,
        "started": started.isoformat(timespec="seconds"),
        "ended": clock.now().isoformat(timespec="seconds"),
        "parameters": _shown({name: taken[name] for name in sorted(given)}, show),
        "effective_parameters": _shown({**taken, "as_of": of_sql.get("as_of")}, show),
        "settings": _shown(settings_of(settings), show),
        "engines": list(computed),
        **of_sql,
        "answer": show(_answer(settings, private)),
        "steps": [_shown(_step(one), show) for one in steps],
        "rules_version": rules.RULES_VERSION,
        **{name: _shown(rows, show) for name, rows in _published(settings).items()},
        "audit": _audit(settings),
        "proof": _proof(settings, private),
        "versions": versions(settings),
    }


def effective(settings: Settings, typed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return every parameter as the notebooks took it: as given, or by default; None takes its setting."""
    found = {
        name: value
        for step in STEPS
        for name, value in parameters.effective(step, typed.get(step, {})).items()
    }
    return {name: _or_setting(settings, name, found[name]) for name in sorted(found)}


def settings_of(settings: Settings) -> dict[str, Any]:
    """Return all settings but those that are secret, by their names in the environment; folders as labels."""
    names = [name for name, field in Settings.model_fields.items() if not _is_secret(field.annotation)]
    return {name.upper(): _plain(settings, getattr(settings, name)) for name in names}


def _or_setting(settings: Settings, name: str, value: Any) -> Any:
    is_setting = value is None and name in Settings.model_fields
    return _plain(settings, getattr(settings, name)) if is_setting else value


def _is_secret(annotation: Any) -> bool:
    return SecretStr in (annotation, *get_args(annotation))


def _plain(settings: Settings, value: Any) -> Any:
    match value:
        case Path():
            return settings.label(value)
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):  # JSON has no word for it
            return str(value)
    return value


def _step(ended: Mapping[str, Any]) -> dict[str, Any]:
    return {**ended, "seconds": clock.seconds(ended["seconds"])}


def _published(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Return the ledger's deliveries, and every name under which bytes ever lay, both in delivery order.

    A place in that order is a number from 1; what was withdrawn has none.
    """
    if not database.exists(settings):
        return {"deliveries": [], "sightings": []}
    seen = sorted(plan.seen(database.sightings(settings)), key=lambda one: (one.withdrawn, one.position))
    places = {one.position: place for place, one in enumerate(seen, 1) if not one.withdrawn}
    ledger = database.ledger(settings).to_dict("records")
    return {
        "deliveries": [_delivery(row, places) for row in ledger],
        "sightings": [_sighting(one, places) for one in seen],
    }


def _delivery(row: Mapping[Any, Any], places: Mapping[str, int]) -> dict[str, Any]:
    version = row["rules_version"]
    return {
        "position": places.get(row["position"]),
        **{name: row[name] for name in ("kind", "name", "sha256", "delivered_on", *_COUNTS)},
        "rules_version": None if pd.isna(version) else version,
    }


def _sighting(one: plan.Sighting, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "position": None if one.withdrawn else places[one.position],
        **{name: getattr(one, name) for name in ("kind", "name", "revision", "sha256")},
        "day": one.day.isoformat(),
        "withdrawn": one.withdrawn,
    }


def _answer(settings: Settings, private: Path) -> str:
    is_proved = (private / PROOF).exists() and database.exists(settings)
    return outcomes.reported(settings, private) if is_proved else "nothing was proved"


def _audit(settings: Settings) -> list[dict[str, Any]]:
    """Return the verdicts of the last audit that passed: what is published rests on it."""
    last = next((one for one in audits.latest(settings) if not one.broken), None)
    return [dict(row) for row in gate.verdicts(last.findings).to_dict("records")] if last else []


def _proof(settings: Settings, private: Path) -> Any:
    file = _latest(settings, private, PROOF)
    return _shown(json.loads(file.read_text("utf-8")), _showing(settings)) if file.exists() else None


def _latest(settings: Settings, private: Path, name: str) -> Path:
    """Return what a run wrote, or, where it did not, what is in place."""
    return private / name if (private / name).exists() else settings.output_dir / name


def _showing(settings: Settings) -> Callable[[str], str]:
    known = secrets.of_process()
    mask = masking.text if settings.mask_pii else str
    return lambda text: mask(secrets.hide(_as_text(text), known))


def _as_text(given: str) -> str:
    r"""Return a text that can be written: bytes of a name that are no UTF-8 become `\xff`."""
    return os.fsencode(given).decode("utf-8", "backslashreplace")


def _shown(content: Any, show: Callable[[str], str]) -> Any:
    """Return names and what people wrote as they may be seen; a digest holds neither."""
    match content:
        case str():
            return show(content)
        case list():
            return [_shown(part, show) for part in content]
        case dict():
            digests = ("sha256", "ingredients")
            return {name: part if name in digests else _shown(part, show) for name, part in content.items()}
    return content


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
