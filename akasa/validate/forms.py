"""The forms in which fields are written: with +91, with decimals, with an offset, `A-9` for an id.

A text has one shape, in which every digit is a 9; a delivery has few shapes, and forms are told from them.
A text may have several forms. No form says whether a text is accepted: that is for `cleaning`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Told: TypeAlias = Callable[[str], Iterator[str]]

MOST_FORMS = 20  # of an id: what has more has none that could be told
OTHERS = "other forms"
LONGEST = 40  # characters of an id's form

_DIGITS = np.arange(256, dtype=np.uint8)
_DIGITS[ord("0") : ord("9") + 1] = ord("9")
_LETTERS = _DIGITS.copy()
_LETTERS[ord("A") : ord("Z") + 1] = ord("A")
_LETTERS[ord("a") : ord("z") + 1] = ord("a")
_BARE = _LETTERS.copy()
_BARE[128:] = ord("x")

_RUNS = [(re.compile("[A-Za-z]+"), "A"), (re.compile("9+"), "9")]
_DAYS = {
    "YYYY-MM-DD": re.compile("9999-99-99"),
    "DD-MM-YYYY": re.compile("99-99-9999"),
    "DD/MM/YYYY": re.compile("99/99/9999"),
    "DD-Mon-YYYY": re.compile("99-[A-Za-z]{3,9}-9999"),
}
_CLOCK = re.compile(r"([T ]+)99?:99(:99)?([.,]9+)?")
_PREFIXES = ("+91", "0091", "91", "0")


def counted(field: str, texts: pa.Array, counts: np.ndarray) -> Counter[str]:
    """Return form → how many records have it; `counts` are those of each text."""
    if len(texts) == 0:
        return Counter()
    ids, told = field.endswith("_id"), _TOLD.get(field, _of_words)
    encoded = _shapes(texts, _table_of(field)).dictionary_encode()
    weights = np.bincount(encoded.indices.to_numpy(), counts, len(encoded.dictionary)).astype(np.int64)
    found: Counter[str] = Counter()
    for shape, weight in zip(encoded.dictionary.to_pylist(), weights.tolist(), strict=True):
        for form in (_pattern(shape),) if ids else told(shape):
            found[form] += weight
    if field == "mobile_number":
        found.update(_prefixes(texts, counts, _is_plain(encoded)))
    return found


def ranked(field: str, found: Counter[str]) -> dict[str, int]:
    """Return the forms that were counted, the most frequent first."""
    return _bounded(found) if field.endswith("_id") else _ranked(found)


def _table_of(field: str) -> np.ndarray:
    if field.endswith("_id"):
        return _LETTERS
    return _DIGITS if field in _TOLD else _BARE


def _shapes(texts: pa.Array, table: np.ndarray) -> pa.Array:
    """Return texts with each byte as the table has it, none longer or shorter."""
    valid, offsets, data = texts.buffers()
    shaped = table[np.frombuffer(data, np.uint8)] if data else np.zeros(0, np.uint8)
    buffers = [valid, offsets, pa.py_buffer(shaped)]
    return pa.Array.from_buffers(texts.type, len(texts), buffers, offset=texts.offset)


def _pattern(shape: str) -> str:
    """Return an id's form: its runs of letters and digits, each as one.

    >>> _pattern("AAA-9999-9999")
    'A-9-9'
    """
    for run, one in _RUNS:
        shape = run.sub(one, shape)
    return shape[:LONGEST]


def _of_mobile(shape: str) -> Iterator[str]:
    if shape == "9" * 10:
        yield "ten digits"
    if any(c.isspace() for c in shape):
        yield "spaces"
    if any(c == "\N{MINUS SIGN}" or unicodedata.category(c) == "Pd" for c in shape):
        yield "dashes"
    if "." in shape:
        yield "dots"
    if set("()[]{}") & set(shape):
        yield "brackets"
    if "tel:" in shape.lower():
        yield "tel:"


def _of_time(shape: str) -> Iterator[str]:
    days = [day for day, form in _DAYS.items() if form.match(shape.strip())]
    yield from days or ["another day"]
    clock = _CLOCK.search(shape)
    if not clock:
        yield from ["a day alone"] if days else []
        return
    yield "T before the time" if "T" in clock[1] else "a space before the time"
    if not clock[2]:
        yield "no seconds"
    if clock[3]:
        yield "fractions of a second"
    rest = shape[clock.end() :].strip()
    if rest == "Z":
        yield "Z"
    elif re.fullmatch(r"[+-]99(:?99)?", rest):
        yield "an offset"


def _of_amount(shape: str) -> Iterator[str]:
    yield "decimals" if re.search(r"9\.9", shape) else "whole rupees" if "9" in shape else "no digits"
    if "," in shape:
        yield "thousands separators"
    if "₹" in shape:
        yield "₹"
    if re.search("[rR][sSeE]", shape):
        yield "Rs"
    if re.search("[iI][nN][rR]", shape):
        yield "INR"
    if "/-" in shape:
        yield "/-"
    if re.match(r"\s*[-\N{MINUS SIGN}(]", shape):
        yield "a minus"


def _of_count(shape: str) -> Iterator[str]:
    yield "digits" if re.fullmatch("9+", shape) else "other than digits"


def _of_words(shape: str) -> Iterator[str]:
    capital, small = "A" in shape, "a" in shape
    if capital or small:
        yield "Capitals and small" if capital and small else "CAPITALS" if capital else "small letters"
    if "x" in shape:
        yield "letters beyond A to Z"
    if "9" in shape:
        yield "digits"
    if shape != shape.strip():
        yield "spaces around"
    if re.search(r"\S\s{2,}\S", shape):
        yield "several spaces in a row"


_TOLD: dict[str, Told] = {
    "mobile_number": _of_mobile,
    "order_date_time": _of_time,
    "sku_count": _of_count,
    "total_amount": _of_amount,
}


def _is_plain(encoded: pa.DictionaryArray) -> np.ndarray:
    (place, *_) = [*np.flatnonzero(np.asarray(pc.equal(encoded.dictionary, "9" * 10))), -1]
    return np.asarray(encoded.indices.to_numpy() == place)


def _prefixes(texts: pa.Array, counts: np.ndarray, plain: np.ndarray) -> dict[str, int]:
    """Return what stands before ten digits, and how often."""
    bare = pc.replace_substring_regex(texts.filter(pa.array(~plain)), "[^0-9+]", "")
    rest = np.asarray(pc.greater(pc.binary_length(pc.replace_substring(bare, "+", "")), 10))
    found: dict[str, int] = {}
    for prefix in _PREFIXES:
        begins = np.asarray(pc.starts_with(bare, prefix)) & rest
        rest = rest & ~begins
        found[f"{prefix} in front"] = int(counts[~plain][begins].sum())
    return found


def _ranked(found: Counter[str]) -> dict[str, int]:
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return {form: count for form, count in ranked if count}


def _bounded(found: Counter[str]) -> dict[str, int]:
    """Return the most frequent forms, and all others as one."""
    ranked = [*_ranked(found).items()]
    rest = sum(count for _, count in ranked[MOST_FORMS:])
    return dict(ranked[:MOST_FORMS]) | ({OTHERS: rest} if rest else {})
