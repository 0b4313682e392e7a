"""What a delivery looks like, column by column: a pure function of its records as they came.

Nothing here decides about a record, and no KPI depends on it.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS
from akasa.validate import cleaning, forms, rules

PROFILE_VERSION = 2  # one more where a profile of the same records may come out otherwise
FIELDS = {"customers": CUSTOMER_FIELDS, "orders": ORDER_FIELDS}
MOST_FREQUENT = 3
MOST_REGIONS = 1000
LONGEST = 80  # characters of a text that is shown


@dataclass(frozen=True)
class Column:
    """A field of a delivery's records.

    `filled` records have a text there, of which `distinct` differ; of `invalid` ones no clean form was found.
    `least` and `most` are clean: by size, time or letters; amounts are rupees. `frequent` are the texts that
    come most often, if any comes twice, with how often; `forms` say how texts are written, and how many.
    """

    filled: int
    distinct: int
    invalid: int
    least: str | None
    most: str | None
    frequent: tuple[tuple[str, int], ...]
    forms: Mapping[str, int]


@dataclass(frozen=True)
class Profile:
    """A delivery's records, of which `malformed` could not be taken apart; clean `regions` with counts."""

    records: int
    malformed: int
    columns: Mapping[str, Column]
    regions: Mapping[str, int]


def profile(kind: str, encoded: pa.Table, clean: pd.DataFrame) -> Profile:
    """Profile a delivery: `encoded` are its records as `cleaning.encode` gives them, `clean` what became of
    them, row by row.
    """
    fields = FIELDS[kind]
    with ThreadPoolExecutor() as threads:
        columns = threads.map(lambda name: _column(name, encoded[name], _clean(clean, name)), fields)
        found = dict(zip(fields, columns, strict=True))
    malformed = len(encoded) - encoded["malformed"].null_count
    return Profile(len(encoded), malformed, found, _regions(clean) if "region" in fields else {})


def _clean(clean: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return clean[rules.CLEAN_NAMES.get(name, name)]


def _column(name: str, column: pa.ChunkedArray, clean: "pd.Series[Any]") -> Column:
    encoded = column.chunk(0)
    counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
    trimmed = pc.utf8_trim_whitespace(cleaning.visible(encoded.dictionary))
    told = pc.not_equal(trimmed, "").fill_null(False)
    texts, counts = encoded.dictionary.filter(told), counts[np.asarray(told)]
    filled, has_form = int(counts.sum()), name in rules.HAVE_A_FORM
    return Column(
        filled,
        len(texts),
        filled - int(clean.notna().sum()) if has_form else 0,
        *_extremes(name, pa.array(clean, from_pandas=True) if has_form else trimmed.filter(told)),
        _frequent(texts, counts),
        forms.counted(name, texts, counts),
    )


def _extremes(name: str, values: pa.Array) -> tuple[str | None, str | None]:
    found = pc.min_max(values).as_py()
    return _text(name, found["min"]), _text(name, found["max"])


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if name == "total_amount":  # paise
        return f"{value // 100}.{value % 100:02d}"
    return value.isoformat() if isinstance(value, datetime) else str(value)[:LONGEST]


def _frequent(texts: pa.Array, counts: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the texts that come most often, of equally frequent ones the first by their letters."""
    most = np.sort(counts)[-MOST_FREQUENT:] if len(counts) <= MOST_FREQUENT else _largest(counts)
    found: list[tuple[str, int]] = []
    for count in sorted({*most.tolist()} - {1}, reverse=True):
        equal = texts.filter(pa.array(counts == count))
        first = pc.select_k_unstable(equal, MOST_FREQUENT, [("", "ascending")])
        found += [(text[:LONGEST], count) for text in equal.take(first).to_pylist()]
    return tuple(found[:MOST_FREQUENT])


def _largest(counts: np.ndarray) -> np.ndarray:
    return np.partition(counts, len(counts) - MOST_FREQUENT)[-MOST_FREQUENT:]


def _regions(clean: pd.DataFrame) -> dict[str, int]:
    found = clean["region"].value_counts()
    ranked = sorted(zip(found.index.tolist(), found.tolist(), strict=True), key=lambda one: (-one[1], one[0]))
    return dict(ranked[:MOST_REGIONS])
