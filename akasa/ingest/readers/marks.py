"""Read the marks of a repair: which rejected record each of its records mends.

They stand in FIELD: an element of each `<order>`, or the first column of a CSV, before the delivery's own.
Whatever is wrong with the others, the first column of a row can be told.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from akasa.ingest.readers import whole_xml
from akasa.ingest.readers.records import ORDER_FIELDS
from akasa.ingest.repairs import FIELD as FIELD

_FIRST = re.compile(r'[ \t]*(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(?:,|$)')


def apart(raw: str) -> tuple[str, str]:
    """Return the first field of a CSV row, and the row's text behind it.

    >>> apart('orders.csv#1,C1,"a'), apart('"a, b.csv#2",C1'), apart("C1")
    (('orders.csv#1', 'C1,"a'), ('a, b.csv#2', 'C1'), ('C1', ''))
    """
    found = _FIRST.match(raw)
    if not found:
        return "", raw
    first = found[2] if found[1] is None else found[1].replace('""', '"')
    return first.strip(), raw[found.end() :]


def of_orders(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the mark of each order that has one, of a file that was read before."""
    with path.open("rb") as stream:
        for ordinal, *texts in whole_xml.records(
            stream, Counter(), whole_xml.Names(), (*ORDER_FIELDS, FIELD)
        ):
            text = texts[len(ORDER_FIELDS)]
            if text and text.strip():
                yield ordinal, text.strip()
