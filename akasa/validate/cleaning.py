"""Text as delivered → typed, clean columns; null where no accepted form was found.

Records come as a frame or as an Arrow table; a frame's index is kept.

The accepted forms are those of docs/rules.md.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Text: TypeAlias = pa.Array | pa.ChunkedArray
Records: TypeAlias = pd.DataFrame | pa.Table

UNKNOWN = "Unknown"

_SPACE = r"[\s\p{Z}\x{0B}\x{1C}-\x{1F}\x{85}]"
_MOBILE_NOISE = r"[\s\p{Z}\x{0B}\x{1C}-\x{1F}\x{85}\p{Pd}\x{2212}.()\[\]{}]"
NATIONAL_NUMBER = "[6-9][0-9]{9}"
_PREFIX = r"(?:[tT][eE][lL]:)?(?:\+91|0091|91)?0?"
_CLOCK = r"\d\d:\d\d(?::\d\d)?"
_ISO = (
    r"^(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?: ?(?P<zone>Z|(?P<sign>[+-])(?P<zone_hour>\d\d)(?::?(?P<zone_minute>\d\d))?))?)?$"
)
LEAST_COUNT, MOST_COUNT = 1, 999_999_999
_COUNT = rf"^0*(?P<count>[1-9]\d{{0,{len(str(MOST_COUNT)) - 1}}})$"
_CURRENCY = r"(?:₹|[rR][sSeE]\.?|[iI][nN][rR])"
_GROUPED = r"^(?:\d+|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})*,\d{3})(?:\.\d{1,2})?$"
_AMOUNT = r"^0*(?P<rupees>\d{0,13})(?:\.(?P<paise>\d{1,2}))?$"

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_JOINERS = "\u200c\u200d"
_SPACE_CONTROLS = r"\x{09}-\x{0D}\x{1C}-\x{1F}\x{85}"
_OTHER_CONTROL = rf"[^\P{{Cc}}{_SPACE_CONTROLS}]"

_ACCENT = r"\u0300-\u036f"
# The st of 1st, and the s of John's.
_NO_WORD = re.compile(rf"(?<=\d)[^\W\d_](?:[^\W\d_]|[{_ACCENT}])*|(?<=\w['’])[^\W\d_](?![\w{_ACCENT}])")
_FINAL_SIGMA = re.compile(r"(?<=\w)σ(?!\w)")

_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
_LARGEST_OFFSET_US = 14 * _HOUR_US
_NAT = np.iinfo(np.int64).min
_CONVERTIBLE_BEFORE = np.datetime64("9999-12-30")  # a later time may leave the range of pandas' zones
_CALENDAR = ("year", "month", "day", "hour", "minute", "second", "zone_hour", "zone_minute")


def clean_customers(records: Records) -> pd.DataFrame:
    """Return record, customer_id, customer_name, mobile_number and region, clean, row by row.

    A missing name or region becomes `Unknown`; a missing or invalid id or mobile number is null.
    """
    return _apply(
        records, {"customer_id": ids, "customer_name": names, "mobile_number": mobiles, "region": regions}
    )


def clean_orders(
    records: Records,
    source_timezone: str = "Asia/Kolkata",
    business_timezone: str = "Asia/Kolkata",
) -> pd.DataFrame:
    """Return the order lines clean, row by row; null where a value is missing or invalid.

    Columns: record, order_id, mobile_number, order_date_time (naive business time, microseconds), sku_id,
    sku_count (whole number), total_amount_paise (whole paise) and order_date (midnight of the business day).
    """
    clean = _apply(
        records,
        {
            "order_id": ids,
            "mobile_number": mobiles,
            "order_date_time": lambda text: times(text, source_timezone, business_timezone),
            "sku_id": ids,
            "sku_count": counts,
            "total_amount": amounts,
        },
    ).rename(columns={"total_amount": "total_amount_paise"})
    return clean.assign(order_date=clean["order_date_time"].dt.normalize().astype("datetime64[s]"))


def encode(records: pa.Table, fields: Sequence[str]) -> pa.Table:
    """Return records in whose fields each distinct text stands once, as they are cleaned and profiled."""
    with ThreadPoolExecutor() as threads:
        columns = threads.map(lambda name: _encoded(records[name]), fields)
        encoded = dict(zip(fields, columns, strict=True))
    kept = {name: records[name] for name in records.column_names if name not in encoded}
    return pa.table({**kept, **encoded})


def ids(text: Text) -> Text:
    """Return ids trimmed, in Unicode NFC, their inner case and spaces kept, less what is invisible."""
    return _blank_to_null(pc.utf8_trim_whitespace(pc.utf8_normalize(visible(text), form="NFC")))


def names(text: Text) -> Text:
    """Return names trimmed, inner whitespace collapsed, in Unicode NFC; `Unknown` for none.

    Of invisible characters, those that join letters stay.
    """
    return pc.fill_null(_blank_to_null(_collapse(text)), UNKNOWN)


def regions(text: Text) -> Text:
    """Return regions like names, in title case.

    >>> regions(pa.array([" north  EAST ", "ST JOHN'S", "1ST ZONE", None])).to_pylist()
    ['North East', "St John's", '1st Zone', 'Unknown']
    """
    # Some letters are composed only when small, and then no longer begin the next word: so once more.
    composed = _collapse(pc.utf8_title(_collapse(text)))
    titles, smalls = pc.utf8_title(composed), pc.utf8_lower(composed)  # letter by letter: of equal length
    spelled = map(_spelled, titles.to_pylist(), smalls.to_pylist())  # there are few regions
    return names(pa.array(spelled, pa.string()))


def mobiles(text: Text) -> Text:
    """Return Indian mobile numbers as ten digits that start 6-9.

    A country or trunk prefix is dropped only where more than ten digits are left, so a number that
    itself begins with 91 stays whole.

    >>> mobiles(pa.array(["+91 98765-43210", "098765 43210", "9123456781", "12345"])).to_pylist()
    ['9876543210', '9876543210', '9123456781', None]
    """
    digits = pc.replace_substring_regex(visible(text), _MOBILE_NOISE, "")
    return _groups(digits, f"^{_PREFIX}(?P<national>{NATIONAL_NUMBER})$")["national"]


def counts(text: Text) -> Text:
    """Return positive whole numbers below 10⁹ (int64)."""
    return _groups(_trimmed(text), _COUNT)["count"].cast(pa.int64())


def amounts(text: Text) -> Text:
    """Return amounts as whole paise (int64): at most two decimals, below 10¹³ rupees, never negative.

    >>> amounts(pa.array(["₹1,00,000.00", "Rs 1,200.5/-", "0", "-5", "1e3", "1.234"])).to_pylist()
    [10000000, 120050, 0, None, None, None]
    """
    bare = pc.replace_substring_regex(_without_currency(_trimmed(text)), rf"{_SPACE}*/-$", "")
    grouped = pc.if_else(pc.match_substring_regex(bare, _GROUPED), bare, None)
    part = _groups(pc.replace_substring(grouped, ",", ""), _AMOUNT)
    paise = pc.utf8_rpad(part["paise"], 2, "0")
    return pc.add(pc.multiply(_number(part["rupees"]), 100), _number(paise))


def times(text: Text, source_timezone: str, business_timezone: str) -> Text:
    """Return naive business times (timestamp[us]) of ISO 8601 and `DD-MM-YYYY`, `DD/MM/YYYY`, `DD-Mon-YYYY`.

    A time without offset is in `source_timezone`; a date alone is a day of the business, at midnight. Times
    that clock changes make ambiguous, and years outside 1000-9999 (the range of MySQL's DATETIME; its last
    two days, where a time has to be converted, included), are null. Digits past microseconds are dropped.
    """
    part = _groups(_day_first_to_iso(_trimmed(text)), _ISO)
    known = pc.is_valid(part["year"]).to_numpy(zero_copy_only=False)
    number = {name: _calendar_number(part[name]) for name in _CALENDAR}
    micros, real = _civil_microseconds(number, _microseconds(part["fraction"]))
    offset, real_offset = _offset_microseconds(number, _equal(part["sign"], "-"))
    has_offset = ~_equal(part["zone"], "")
    naive = np.where(known & real & real_offset, micros - np.where(has_offset, offset, 0), _NAT)
    in_source = ~has_offset & ~_equal(part["hour"], "")
    local = _to_business(
        naive.view("datetime64[us]"), [("UTC", has_offset), (source_timezone, in_source)], business_timezone
    )
    in_range = (local >= np.datetime64("1000-01-01")) & (local < np.datetime64("10000-01-01"))
    return pa.array(local, pa.timestamp("us"), mask=~in_range)


def visible(text: Text, joined: bool = False) -> Text:
    """Return text without characters of Unicode's category Cf: zero-width ones, bidi marks, soft hyphens.

    With `joined`, ZWJ and ZWNJ stay between two letters: Malayalam and Hindi are written with them.
    """
    if not _any_byte(text, lambda data: data >= 0x80):
        return text
    if not joined:
        return pc.replace_substring_regex(text, r"\p{Cf}", "")
    text = pc.replace_substring_regex(text, rf"[^\P{{Cf}}{_JOINERS}]", "")
    if not pc.any(pc.match_substring_regex(text, f"[{_JOINERS}]")).as_py():
        return text
    found = [_joined(one) if one and set(_JOINERS) & set(one) else one for one in text.to_pylist()]
    return pa.array(found, pa.string())


def has_invisible(text: Text, joined: bool = False) -> np.ndarray:
    """Mark the texts of which `visible` drops something."""
    if not _any_byte(text, lambda data: data >= 0x80):
        return np.zeros(len(text), bool)
    return np.asarray(pc.not_equal(visible(text, joined), text).fill_null(False))


def has_control(text: Text, of_any_kind: bool = False) -> np.ndarray:
    """Mark the texts with a control character, but for those that are spaces, unless it is `of_any_kind`."""
    if not _any_byte(text, lambda data: (data < 0x20) | (data == 0x7F) | (data == 0xC2)):
        return np.zeros(len(text), bool)
    pattern = r"\p{Cc}" if of_any_kind else _OTHER_CONTROL
    return np.asarray(pc.match_substring_regex(text, pattern).fill_null(False))


def _joined(text: str) -> str:
    """Return a text whose joiners stand between two letters; the signs of a letter are a part of it."""
    letters = [unicodedata.category(c)[0] in "LM" for c in f" {text} "]
    return "".join(
        c for n, c in enumerate(text, start=1) if c not in _JOINERS or (letters[n - 1] and letters[n + 1])
    )


def _any_byte(text: Text, wanted: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Tell whether any byte of a column's text is wanted: of most columns, none is, which is soon known."""
    for chunk in text.chunks if isinstance(text, pa.ChunkedArray) else [text]:
        _, offsets, data = chunk.buffers()
        if data is not None and len(chunk):
            ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            if wanted(np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]).any():
                return True
    return False


def _trimmed(text: Text) -> Text:
    return pc.utf8_trim_whitespace(visible(text))


def _spelled(title: str | None, small: str | None) -> str | None:
    """Return a text in title case but for what only looks like a word; a Greek sigma by its place."""
    if title is None or small is None:
        return None
    spelled = _NO_WORD.sub(lambda part: small[part.start() : part.end()], title)
    return _FINAL_SIGMA.sub("ς", spelled.replace("ς", "σ"))


def _day_first_to_iso(text: Text) -> Text:
    for mark in "-/":
        day_first = rf"^(\d\d){mark}(\d\d){mark}(\d{{4}})( {_CLOCK})?$"
        text = pc.replace_substring_regex(text, day_first, r"\3-\2-\1\4")
    if not _any_byte(text, _is_of_a_month):
        return text
    for number, month in enumerate(_MONTHS, start=1):
        letters = [f"[{letter.upper()}{letter}]" for letter in month]  # (?i) takes ſ for an s
        named = f"{''.join(letters[:3])}(?:{''.join(letters[3:])})?"
        with_name = rf"^(\d\d)-{named}-(\d{{4}})( {_CLOCK})?$"
        text = pc.replace_substring_regex(text, with_name, rf"\2-{number:02d}-\1\3")
    return text


def _is_of_a_month(data: np.ndarray) -> np.ndarray:
    """Mark the letters that an ISO time has not: all but T and Z."""
    small = data | 0x20
    return np.asarray((small >= ord("a")) & (small != ord("t")) & (small != ord("z")))


def _civil_microseconds(
    number: Mapping[str, np.ndarray], micros: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return microseconds since 1970 of calendar fields, and which of them are real dates and times."""
    month = (number["year"] - 1970) * 12 + number["month"] - 1
    first, after = (each.astype("datetime64[M]").astype("datetime64[D]") for each in (month, month + 1))
    days_in_month = (after - first).astype(np.int64)
    real = (number["month"] >= 1) & (number["month"] <= 12) & (number["year"] >= 1000)
    real &= (number["day"] >= 1) & (number["day"] <= days_in_month)
    real &= (number["hour"] <= 23) & (number["minute"] <= 59) & (number["second"] <= 59)
    days = first.astype(np.int64) + number["day"] - 1
    clock = number["hour"] * _HOUR_US + number["minute"] * _MINUTE_US + number["second"] * _SECOND_US
    return days * _DAY_US + clock + micros, real


def _offset_microseconds(number: Mapping[str, np.ndarray], west: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return offsets east of UTC, and which of them exist (at most 14 hours, minutes below 60)."""
    size = number["zone_hour"] * _HOUR_US + number["zone_minute"] * _MINUTE_US
    return np.where(west, -size, size), (size <= _LARGEST_OFFSET_US) & (number["zone_minute"] <= 59)


def _to_business(naive: np.ndarray, zones: Sequence[tuple[str, np.ndarray]], business: str) -> np.ndarray:
    """Return business wall time of those that are wall time in one of the zones; NaT where ambiguous."""
    local = naive.copy()
    convertible = np.where(naive < _CONVERTIBLE_BEFORE, naive, np.datetime64("NaT", "us"))
    for zone, chosen in zones:
        if zone != business and chosen.any():
            there = pd.DatetimeIndex(convertible[chosen])
            there = there.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
            local[chosen] = there.tz_convert(business).tz_localize(None).to_numpy()
    return local


def _without_currency(text: Text) -> Text:
    """Drop one currency sign, before the number or after it."""
    before = pc.replace_substring_regex(text, rf"^{_CURRENCY}{_SPACE}*", "")
    after = pc.replace_substring_regex(text, rf"{_SPACE}*{_CURRENCY}$", "")
    return pc.if_else(pc.equal(before, text), after, before)


def _collapse(text: Text) -> Text:
    composed = pc.utf8_normalize(visible(text, joined=True), form="NFC")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(composed, rf"{_SPACE}+", " "))


def _microseconds(fraction: Text) -> np.ndarray:
    return _calendar_number(pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 6, "0"), 0, 6))


def _calendar_number(digits: Text) -> np.ndarray:
    """Return digits as integers, zero where there are none: such rows are masked as no known time."""
    return np.asarray(_number(digits).fill_null(0))


def _groups(text: Text, pattern: str) -> dict[str, Text]:
    """Return the pattern's named groups: null where the text does not match, empty where a group did not."""
    found = pc.extract_regex(text, pattern)
    return {field.name: pc.struct_field(found, field.name) for field in found.type}


def _number(digits: Text) -> Text:
    """Return digits as int64; a group that did not take part is zero, null stays null."""
    return pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64())


def _equal(text: Text, value: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.equal(text, value), False))


def _blank_to_null(text: Text) -> Text:
    return pc.if_else(pc.equal(text, ""), None, text)


def _apply(records: Records, cleaners: Mapping[str, Callable[[Text], Text]]) -> pd.DataFrame:
    with ThreadPoolExecutor() as threads:
        columns = threads.map(
            lambda name: _each_once(_arrow(records[name], pa.string()), cleaners[name]), cleaners
        )
        clean = dict(zip(cleaners, columns, strict=True))
    typed = pa.table({"record": _arrow(records["record"], pa.int64()), **clean}).to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype()}.get
    )
    return typed.set_axis(records.index) if isinstance(records, pd.DataFrame) else typed


def _each_once(text: Text, clean: Callable[[Text], Text]) -> Text:
    """Clean a column's distinct values, for most come more than once, and put each in its places."""
    encoded = _encoded(text)
    return clean(encoded.dictionary).take(encoded.indices)


def _encoded(text: Text) -> pa.DictionaryArray:
    encoded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode(null_encoding="encode")
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded


def _arrow(column: "pd.Series[Any] | pa.ChunkedArray", kind: pa.DataType) -> Text:
    return column if isinstance(column, pa.ChunkedArray) else pa.array(column, kind, from_pandas=True)
