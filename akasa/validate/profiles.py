"""Profiles of deliveries, kept as `data/profiles/<kind>-<sha256>.json`, so that many are soon compared.

A profile follows from the staged records and the settings of a database, so it can be made anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.ingest import readers, staging
from akasa.validate import cleaning, profiling, rules
from akasa.validate.plan import Planned
from akasa.validate.profiling import Column, Profile
from akasa.workspace import files, masking
from akasa.workspace.settings import Settings

COMPARED = 30  # deliveries of a kind that stand before one


def cleaned_and_kept(settings: Settings, kind: str, sha256: str, raw: pa.Table) -> pd.DataFrame:
    """Return staged records clean, row by row, and keep their profile, which is made of the same columns."""
    encoded = cleaning.encode(raw, profiling.FIELDS[kind])
    if kind == "customers":
        clean = cleaning.clean_customers(encoded)
    else:
        clean = cleaning.clean_orders(encoded, settings.source_timezone, settings.business_timezone)
    _keep(settings, kind, sha256, profiling.profile(kind, encoded, clean))
    return clean


def recall(settings: Settings, kind: str, sha256: str) -> Profile | None:
    """Return a delivery's profile; None where none is kept that this version would make."""
    try:
        found: dict[str, Any] = json.loads(_file(settings, kind, sha256).read_text("utf-8"))
        return _read(found["profile"]) if found["made_by"] == _made_by(settings) else None
    except (OSError, ValueError, TypeError, KeyError):  # of a file that is lost or damaged
        return None


def make_missing(settings: Settings, deliveries: Sequence[Planned], most: int = 2 * COMPARED) -> None:
    """Make the profiles that lack of the last deliveries of each kind, of those whose records are staged.

    The last ones of a kind are compared, each with as many before it.
    """
    for kind in profiling.FIELDS:
        for one in [one for one in deliveries if one.kind == kind][-most:]:
            is_kept = recall(settings, kind, one.sha256) is not None
            if not is_kept and staging.is_there(settings.staging, kind, one.sha256):
                cleaned_and_kept(settings, kind, one.sha256, staging.read(settings.staging, kind, one.sha256))


def masked(profile: Profile) -> Profile:
    """Return a profile without the mobile numbers in its texts."""
    columns = {name: _masked(name, column) for name, column in profile.columns.items()}
    regions = {masking.raw(region): count for region, count in profile.regions.items()}
    return replace(profile, columns=columns, regions=regions)


def _masked(name: str, column: Column) -> Column:
    way = masking.number if name == "mobile_number" else masking.raw
    clean = masking.text if name in ("order_date_time", "sku_count", "total_amount") else way
    frequent = tuple((way(text), count) for text, count in column.frequent)
    least, most = (text and clean(text) for text in (column.least, column.most))
    return replace(column, least=least, most=most, frequent=frequent)


def forget(settings: Settings, kind: str, sha256: str) -> None:
    _file(settings, kind, sha256).unlink(missing_ok=True)


@files.private()
def _keep(settings: Settings, kind: str, sha256: str, profile: Profile) -> None:
    about = {"made_by": _made_by(settings), "profile": asdict(profile)}
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    files.write_text(_file(settings, kind, sha256), text)


def _file(settings: Settings, kind: str, sha256: str) -> Path:
    return settings.profiles / f"{kind}-{sha256}.json"


def _made_by(settings: Settings) -> dict[str, Any]:
    """Return what decides about a profile, besides the records."""
    return {
        "profile": profiling.PROFILE_VERSION,
        "reader": readers.READER_VERSION,
        "rules": rules.RULES_VERSION,
        "source_timezone": settings.source_timezone,
        "business_timezone": settings.business_timezone,
    }


def _read(found: Mapping[str, Any]) -> Profile:
    columns = {name: _column(one) for name, one in found["columns"].items()}
    return Profile(**{**found, "columns": columns})


def _column(found: Mapping[str, Any]) -> Column:
    return Column(**{**found, "frequent": tuple((text, count) for text, count in found["frequent"])})
