"""Delivered text → values, one at a time in plain Python: nothing of what cleans and computes is used.

What is given was accepted, so a form that no rule accepts need not be told apart from others.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AMOUNT = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DAY_FIRST = re.compile(r"([0-9]{2})[-/]([0-9]{2}|[A-Za-z]{3,9})[-/]([0-9]{4})")
_CLOCK = re.compile(r"[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)? ?(Z|[+-][0-9:]{2,5})?$")


def visible(text: str | None) -> str:
    """Return a text without what nobody sees (Unicode's category Cf), trimmed; of none, an empty one."""
    if not text:
        return ""
    return (text if text.isascii() else "".join(c for c in text if unicodedata.category(c) != "Cf")).strip()


def identifier(text: str | None) -> str:
    r"""Return an id as it is known.

    >>> identifier(" ORD-1\u200b ")
    'ORD-1'
    """
    seen = visible(text)
    return seen if seen.isascii() else unicodedata.normalize("NFC", seen)


def mobile(text: str | None) -> str:
    """Return the last ten digits: a number without its prefix, in whatever form it came.

    >>> mobile("+91 (0) 98765-43210"), mobile("9123456781")
    ('9876543210', '9123456781')
    """
    return "".join(c for c in text or "" if "0" <= c <= "9")[-10:]


def paise(text: str | None) -> int | None:
    """Return an amount of rupees in paise; None where no amount is written.

    >>> paise("₹1,00,000/-"), paise("Rs. 1,200.5"), paise("a lot")
    (10000000, 120050, None)
    """
    found = _AMOUNT.search(visible(text))
    return int(Decimal(found[0].replace(",", "")) * 100) if found else None


def day(text: str | None, source: str, business: str) -> date | None:
    """Return the day of a time in the business's zone; a time without an offset is in the source's.

    >>> day("2025-09-30T18:30:00Z", "Asia/Kolkata", "Asia/Kolkata"), day("12-Oct-2025", "UTC", "UTC")
    (datetime.date(2025, 10, 1), datetime.date(2025, 10, 12))
    """
    written = visible(text)
    try:
        of = _date(written)
        clock = _CLOCK.search(written)
        if of is None or clock is None:
            return of
        hour, minute, second, offset = clock.groups()
        wall = datetime(of.year, of.month, of.day, int(hour), int(minute), int(second or 0))
        return _moved(wall, offset, source, business).date()
    except (ValueError, OverflowError):
        return None


def average(total_paise: int, count: int) -> int:
    """Return the average in paise, rounded half up.

    >>> average(1001, 2)
    501
    """
    return int((Decimal(total_paise) / count).quantize(Decimal(1), ROUND_HALF_UP))


def alike(one: str | None, other: str | None) -> bool:
    """Say whether two names or regions are one, whatever their case and spaces; none is `Unknown`.

    >>> alike(" NORTH  east", "North East"), alike("", "Unknown"), alike("North", "South")
    (True, True, False)
    """
    return folded(one) == folded(other)


def folded(text: str | None) -> str:
    """Return a name or region without its case, its spaces made one, as two that are alike have in common."""
    words = " ".join(visible(text).split()) or "Unknown"
    if words.isascii():
        return words.lower()
    # Upper case first, where small letters meet that are two, as the Greek sigma and the Turkish i.
    small = unicodedata.normalize("NFC", words).lower().upper().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", small).replace("\u0307", ""))


def _date(written: str) -> date | None:
    if found := _ISO.match(written):
        return date(*map(int, found.groups()))
    if found := _DAY_FIRST.match(written):
        month = found[2].lower()
        number = int(month) if month.isdigit() else _MONTHS.index(month[:3]) + 1
        return date(int(found[3]), number, int(found[1]))
    return None


def _moved(wall: datetime, offset: str | None, source: str, business: str) -> datetime:
    if offset is None and source == business:
        return wall
    zone = _zone(offset) if offset else ZoneInfo(source)
    return wall.replace(tzinfo=zone).astimezone(ZoneInfo(business))


def _zone(offset: str) -> timezone:
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if offset[0] == "-" else distance)
