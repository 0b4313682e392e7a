"""Repairs: deliveries whose records name the rejected record that each mends, and the place that gives them.

`python -m akasa rejects --export` writes that mark into each record. A repair stands right behind what it
repairs, whatever its file is called and whenever it comes: what has been delivered since stays.
A file that mends records of several deliveries is taken apart, into one delivery for each of them.
"""

import re
from typing import NamedTuple

FIELD = "akasa_repairs"  # an element, or the first column
FOLDER = "repairs"  # in the staging folder: what each file that was taken apart says that it mends
LONGEST_NAME = 300  # of a delivery, as the tables hold it
_FILE = r"[^/\x00-\x1f]+"
_MARK = re.compile(rf"((?:incoming/)?{_FILE})#(?:(\d{{1,6}})\.)?(\d{{1,18}})", re.ASCII)
_NAME = re.compile(rf"incoming/({_FILE})/((?:incoming/)?{_FILE}?)(?:#(\d{{1,6}}))?", re.ASCII)


class Mark(NamedTuple):
    """A record, by the name under which its delivery lay, the revision there, and its number."""

    name: str
    revision: int
    record: int

    def __str__(self) -> str:
        return f"{self.name}#{f'{self.revision}.' if self.revision else ''}{self.record}"


class Repaired(NamedTuple):
    """What a repair stands behind: `file` is its own name, `name` and `revision` those of what it repairs."""

    file: str
    name: str
    revision: int


def mark(text: str) -> Mark | None:
    """Return the record that a mark names, or None where the text is no mark.

    >>> mark("incoming/orders_2025-11-12.xml#42")
    Mark(name='incoming/orders_2025-11-12.xml', revision=0, record=42)
    >>> str(mark("orders.xml#1.42")), mark("orders.xml")
    ('orders.xml#1.42', None)
    """
    found = _MARK.fullmatch(text.strip())
    return Mark(found[1], int(found[2] or 0), int(found[3])) if found else None


def name(file: str, repaired: str, revision: int) -> str:
    """Return the name of what a file (`incoming/repair.xml`) has for one delivery: no file can be called so.

    >>> name("incoming/repair.xml", "incoming/orders_2025-11-12.xml", 0)
    'incoming/repair.xml/incoming/orders_2025-11-12.xml'
    """
    return f"{file}/{repaired}{f'#{revision}' if revision else ''}"


def repaired(name: str) -> Repaired | None:
    """Return what the delivery of a name repairs; None for one that is no repair.

    >>> repaired("incoming/repair.xml/orders.xml#1")
    Repaired(file='incoming/repair.xml', name='orders.xml', revision=1)
    >>> repaired("incoming/orders_2025-11-12.xml") is None
    True
    """
    found = _NAME.fullmatch(name)
    return Repaired(f"incoming/{found[1]}", found[2], int(found[3] or 0)) if found else None
