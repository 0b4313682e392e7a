"""Profiles of deliveries, kept as `data/profiles/<kind>-<sha256>.json`, so that many are soon compared.

A profile follows from the staged records and the settings of a database, so it can be made anew.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.ingest import readers, staging
from akasa.validate import cleaning, profiling, rules
from akasa.validate.plan import Planned
from akasa.validate.profiling import Clean, Column, Looked, Profile
from akasa.workspace import files, masking, rows
from akasa.workspace.settings import Settings

TEXTS_AT_ONCE = 500_000
COMPARED = 30  # deliveries of a kind that stand before one


class Zones(Protocol):
    """In which time zones a delivery's times are to be read, and told."""

    @property
    def source_timezone(self) -> str: ...
    @property
    def business_timezone(self) -> str: ...


def cleaned_and_kept(settings: Settings, kind: str, sha256: str, raw: pa.Table) -> pd.DataFrame:
    """Return staged records clean, row by row, and keep their profile, which is made of the same columns."""
    encoded = cleaning.encode(raw, profiling.FIELDS[kind])
    clean = cleaned(settings, kind, encoded)
    _keep(settings, kind, sha256, profiling.profile(kind, encoded, clean))
    return clean


def cleaned(zones: Zones, kind: str, records: pa.Table) -> pd.DataFrame:
    """Return staged records, or a part of them, clean."""
    if kind == "customers":
        return cleaning.clean_customers(records)
    return cleaning.clean_orders(records, zones.source_timezone, zones.business_timezone)


def keep_of_parts(settings: Settings, kind: str, sha256: str, parts: Sequence[Clean]) -> None:
    """Keep the profile of a delivery that was cleaned in parts; of its fields, few are read at a time."""
    staged = staging.records_file(settings.staging, kind, sha256)
    with ThreadPoolExecutor(rows.PARTS_AT_ONCE) as threads:
        columns = threads.map(partial(look, staged), profiling.FIELDS[kind])
        looked = dict(zip(profiling.FIELDS[kind], columns, strict=True))
    keep_looked(settings, kind, sha256, looked, parts)


def keep_looked(
    settings: Settings, kind: str, sha256: str, looked: Mapping[str, Looked], parts: Sequence[Clean]
) -> None:
    """Keep the profile of a delivery that was cleaned in parts, and whose fields were looked at."""
    staged = staging.records_file(settings.staging, kind, sha256)
    malformed = pq.read_table(staged, columns=["malformed"])["malformed"]
    counts = len(malformed), len(malformed) - malformed.null_count
    _keep(settings, kind, sha256, profiling.profiled(*counts, looked, profiling.added(parts)))


def look(staged: Path | pa.NativeFile, field: str) -> Looked:
    """Look at the texts of a field of all of a delivery's records."""
    return profiling.look(field, _distinct(staged, field))


def _distinct(staged: Path | pa.NativeFile, field: str) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """Yield the distinct texts of a field with their counts, a share of about TEXTS_AT_ONCE after the other.

    Which share a text is in follows from its bytes, so that each is counted in one alone.
    """
    opened = pq.ParquetFile(staged)
    shares = opened.metadata.num_rows // TEXTS_AT_ONCE + 1
    batches = opened.iter_batches(rows.PART_ROWS, columns=[field])
    parts = [_counted(pa.Table.from_batches([batch]).rename_columns(["text"]), shares) for batch in batches]
    for share in range(shares):
        own = pa.concat_tables(part.filter(pc.equal(part["share"], share)) for part in parts)
        counted = own.group_by("text", use_threads=False).aggregate([("count", "sum")]).combine_chunks()
        yield counted["text"].combine_chunks(), counted["count_sum"].to_numpy()
        rows.give_back()


def _counted(texts: pa.Table, shares: int) -> pa.Table:
    found = pc.value_counts(texts["text"])
    share = pa.array(_sums_of_bytes(found.field("values")) % shares)
    return pa.table({"text": found.field("values"), "count": found.field("counts"), "share": share})


def _sums_of_bytes(texts: pa.StringArray) -> np.ndarray:
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    sums = np.zeros(ends[-1] + 1, np.uint32)
    np.cumsum(np.frombuffer(data or b"", np.uint8)[: ends[-1]], out=sums[1:], dtype=np.uint32)
    return np.asarray(sums[ends[1:]] - sums[ends[:-1]])


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
                _make(settings, kind, one.sha256)


def _make(settings: Settings, kind: str, sha256: str) -> None:
    staged = pq.ParquetFile(staging.records_file(settings.staging, kind, sha256))
    if staged.metadata.num_rows <= rows.PART_ROWS:
        cleaned_and_kept(settings, kind, sha256, staged.read())
        return
    batches = map(pa.Table.from_batches, ([batch] for batch in staged.iter_batches()))
    parts = [profiling.clean_of(kind, cleaned(settings, kind, batch)) for batch in batches]
    keep_of_parts(settings, kind, sha256, parts)


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
