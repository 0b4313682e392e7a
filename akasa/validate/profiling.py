"""What a delivery looks like, column by column: a pure function of its records as they came.

Nothing here decides about a record, and no KPI depends on it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

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
Texts: TypeAlias = Iterable[tuple[pa.Array, np.ndarray]]  # no text comes twice


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


@dataclass(frozen=True)
class Looked:
    """What the texts of a field say: as in Column, with `ends` of clean texts of any kind."""

    filled: int
    distinct: int
    ends: tuple[str | None, str | None]
    frequent: tuple[tuple[str, int], ...]
    forms: Counter[str]


@dataclass(frozen=True)
class Clean:
    """What clean records say: of fields that have a form, how many are known, the least, the most; `regions`.

    Those of a delivery's parts are added up by `added`.
    """

    known: Mapping[str, int]
    least: Mapping[str, Any]
    most: Mapping[str, Any]
    regions: Counter[str]


def profile(kind: str, encoded: pa.Table, clean: pd.DataFrame) -> Profile:
    """Profile a delivery: `encoded` are its records as `cleaning.encode` gives them, `clean` what became of
    them, row by row.
    """
    malformed = len(encoded) - encoded["malformed"].null_count
    with ThreadPoolExecutor() as threads:
        columns = threads.map(lambda name: look(name, _distinct(encoded[name].chunk(0))), FIELDS[kind])
        looked = dict(zip(FIELDS[kind], columns, strict=True))
    return profiled(len(encoded), malformed, looked, clean_of(kind, clean))


def profiled(
    records: int,
    malformed: int,
    looked: Mapping[str, Looked],
    clean: Clean,
) -> Profile:
    """Profile a delivery of so many records, of which each field was looked at."""
    found = {name: _column(name, texts, clean) for name, texts in looked.items()}
    ranked = sorted(clean.regions.items(), key=lambda one: (-one[1], one[0]))
    return Profile(records, malformed, found, dict(ranked[:MOST_REGIONS]))


def clean_of(kind: str, clean: pd.DataFrame) -> Clean:
    """Return what clean records, or a part of them, say."""
    columns = {
        name: pa.array(clean[rules.CLEAN_NAMES.get(name, name)], from_pandas=True)
        for name in FIELDS[kind]
        if name in rules.HAVE_A_FORM
    }
    ends = {name: pc.min_max(column).as_py() for name, column in columns.items()}
    regions = clean["region"].value_counts() if "region" in FIELDS[kind] else pd.Series(dtype="int64")
    return Clean(
        {name: len(column) - column.null_count for name, column in columns.items()},
        {name: end["min"] for name, end in ends.items()},
        {name: end["max"] for name, end in ends.items()},
        Counter(dict(zip(regions.index.tolist(), regions.tolist(), strict=True))),
    )


def added(parts: Sequence[Clean]) -> Clean:
    """Return what the parts of a delivery say together."""
    names = list(parts[0].known)
    least, most = ([getattr(part, side) for part in parts] for side in ("least", "most"))
    return Clean(
        {name: sum(part.known[name] for part in parts) for name in names},
        {name: _first(min, (one[name] for one in least)) for name in names},
        {name: _first(max, (one[name] for one in most)) for name in names},
        sum((part.regions for part in parts), Counter()),
    )


def _distinct(encoded: pa.DictionaryArray) -> Texts:
    yield encoded.dictionary, np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))


def look(name: str, texts: Texts) -> Looked:
    """Look at a field's distinct texts, some at a time."""
    filled, distinct, ends, found, frequent = 0, 0, [], Counter[str](), []
    for some, counts in texts:
        trimmed = pc.utf8_trim_whitespace(cleaning.visible(some))
        told = pc.not_equal(trimmed, "").fill_null(False)
        some, counts = some.filter(told), counts[np.asarray(told)]
        filled, distinct = filled + int(counts.sum()), distinct + len(some)
        ends.append(pc.min_max(trimmed.filter(told)).as_py())
        found.update(forms.counted(name, some, counts))
        frequent += _frequent(some, counts)
    least, most = _first(min, (end["min"] for end in ends)), _first(max, (end["max"] for end in ends))
    return Looked(filled, distinct, (least, most), tuple(_ranked(frequent)), found)


def _column(name: str, texts: Looked, clean: Clean) -> Column:
    has_form = name in rules.HAVE_A_FORM
    least, most = (clean.least[name], clean.most[name]) if has_form else texts.ends
    return Column(
        texts.filled,
        texts.distinct,
        texts.filled - clean.known[name] if has_form else 0,
        _text(name, least),
        _text(name, most),
        tuple((text[:LONGEST], count) for text, count in texts.frequent),
        forms.ranked(name, texts.forms),
    )


def _first(end: Callable[..., Any], values: Iterable[Any]) -> Any:
    """Return the least or the greatest of the values that there are; None where there is none."""
    return end((value for value in values if value is not None), default=None)


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if name == "total_amount":  # paise
        return f"{value // 100}.{value % 100:02d}"
    return value.isoformat() if isinstance(value, datetime) else str(value)[:LONGEST]


def _frequent(texts: pa.Array, counts: np.ndarray) -> list[tuple[str, int]]:
    """Return the texts that come most often, of equally frequent ones the first by their letters."""
    most = np.sort(counts)[-MOST_FREQUENT:] if len(counts) <= MOST_FREQUENT else _largest(counts)
    found: list[tuple[str, int]] = []
    for count in {*most.tolist()} - {1}:
        equal = texts.filter(pa.array(counts == count))
        first = pc.select_k_unstable(equal, MOST_FREQUENT, [("", "ascending")])
        found += [(text, count) for text in equal.take(first).to_pylist()]
    return _ranked(found)


def _ranked(texts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(texts, key=lambda one: (-one[1], one[0]))[:MOST_FREQUENT]


def _largest(counts: np.ndarray) -> np.ndarray:
    return np.partition(counts, len(counts) - MOST_FREQUENT)[-MOST_FREQUENT:]
