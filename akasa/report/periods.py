"""Months and windows as people speak of them: which are over, and from which day to which they go."""

from calendar import month_name, monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from akasa.workspace import wording

words = wording.day


@dataclass(frozen=True, order=True)
class Month:
    """A month of a year.

    >>> Month(2025, 10).before, Month(2025, 1).before
    (Month(year=2025, month=9), Month(year=2024, month=12))
    """

    year: int
    month: int

    @property
    def before(self) -> "Month":
        return Month(self.year, self.month - 1) if self.month > 1 else Month(self.year - 1, 12)

    @property
    def after(self) -> "Month":
        return Month(self.year, self.month + 1) if self.month < 12 else Month(self.year + 1, 1)

    @property
    def days(self) -> int:
        return monthrange(self.year, self.month)[1]

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, self.days)

    @property
    def words(self) -> str:
        return f"{month_name[self.month]} {self.year}"


def month_of(day: date) -> Month:
    return Month(day.year, day.month)


def is_over(month: Month, as_of: date) -> bool:
    """Say whether a month's last day counts already.

    >>> is_over(Month(2025, 11), date(2025, 11, 29)), is_over(Month(2025, 11), date(2025, 11, 30))
    (False, True)
    """
    return month.last_day <= as_of


def last_full(as_of: date) -> Month:
    """Return the last month that is over.

    >>> last_full(date(2025, 11, 10)), last_full(date(2025, 11, 30))
    (Month(year=2025, month=10), Month(year=2025, month=11))
    """
    month = month_of(as_of)
    return month if is_over(month, as_of) else month.before


def until(first: Month, last: Month) -> list[Month]:
    """Return every month from one to another, those between without orders too."""
    months = [first]
    while months[-1] < last:
        months.append(months[-1].after)
    return months


def span(first: date, last: date) -> str:
    """Return two days in words, the first one's month and year only where they differ.

    >>> span(date(2025, 10, 12), date(2025, 11, 10)), span(date(2025, 11, 1), date(2025, 11, 7))
    ('12 October to 10 November 2025', '1 to 7 November 2025')
    >>> span(date(2024, 12, 12), date(2025, 1, 10))
    '12 December 2024 to 10 January 2025'
    """
    if first.year != last.year:
        return f"{words(first)} to {words(last)}"
    begins = str(first.day) if first.month == last.month else f"{first.day} {month_name[first.month]}"
    return f"{begins} to {words(last)}"


def window(as_of: date, window_days: int) -> str:
    """Return a window in dates.

    >>> window(date(2025, 11, 10), 30), window(date(2025, 11, 10), 1)
    ('the 30 days from 12 October to 10 November 2025', 'one day, 10 November 2025')
    """
    if window_days == 1:
        return f"one day, {words(as_of)}"
    days = min(window_days, (as_of - date.min).days + 1)
    return f"the {window_days} days from {span(as_of - timedelta(days=days - 1), as_of)}"
