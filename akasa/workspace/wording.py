"""How numbers, days and moments are worded for people."""

import re
from calendar import month_name
from datetime import date, datetime

GROUPS = re.compile(r"(?<=\d)(?=(?:\d\d)*\d{3}$)")


def indian_count(number: int) -> str:
    """Return a whole number in Indian digit groups.

    >>> indian_count(12345678)
    '1,23,45,678'
    """
    return GROUPS.sub(",", str(number))


def indian(paise: int) -> str:
    """Return whole paise as people in India write rupees.

    >>> indian(10500000), indian(-5)
    ('₹1,05,000.00', '-₹0.05')
    """
    whole, rest = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}₹{indian_count(whole)}.{rest:02d}"


def percent(part: int, whole: int) -> str:
    """Return a share to a tenth of a percent, rounded half up, without a float.

    >>> percent(1, 3), percent(1, 2000), percent(0, 0)
    ('33.3 %', '0.1 %', '0.0 %')
    """
    per_mille = (2000 * part + whole) // (2 * whole) if whole else 0
    return f"{per_mille // 10}.{per_mille % 10} %"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts.

    >>> counted(1, "delivery", "deliveries"), counted(1200, "row")
    ('1 delivery', '1,200 rows')
    """
    return f"{indian_count(number)} {one if number == 1 else many or one + 's'}"


def day(of: date) -> str:
    """Return a day as it is written in a sentence.

    >>> day(date(2025, 11, 5))
    '5 November 2025'
    """
    return f"{of.day} {month_name[of.month]} {of.year}"


def moment(of: datetime) -> str:
    """Return a moment as it is written in a sentence, with its zone.

    >>> from zoneinfo import ZoneInfo
    >>> moment(datetime(2025, 11, 5, 9, 7, tzinfo=ZoneInfo("Asia/Kolkata")))
    '5 November 2025 at 09:07 IST'
    """
    return f"{day(of)} at {of:%H:%M} {of.tzname()}"
