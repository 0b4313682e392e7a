"""Where records stand in the file that was delivered: the line on which each begins, and a row's own text."""

from collections.abc import Collection
from pathlib import Path
from xml.parsers import expat

from akasa.ingest.readers import customers_csv

_BLOCK_BYTES = 1_000_000


class _Enough(Exception):
    """All that was asked for is found."""


def lines(path: Path, kind: str, wanted: Collection[int]) -> dict[int, int]:
    """Return the line on which each of some records begins; nothing of those that are not found.

    The file is one that a reader accepted.
    """
    if kind == "customers":
        return {number: line for number, (line, _) in rows(path, wanted).items() if number}
    return _of_orders(path, wanted)


def rows(path: Path, wanted: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return the line and the text of some records of a CSV, without its marks; under 0 the header's."""
    found: dict[int, tuple[int, str]] = {}
    last = max(wanted, default=0)
    for number, line, text in customers_csv.texts(path):
        if number > last:
            break
        if number in wanted or number == 0:
            found[number] = line, text
    return found


def _of_orders(path: Path, wanted: Collection[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    depth, inside, number, last = 0, 0, 0, max(wanted, default=0)
    parser = expat.ParserCreate(namespace_separator=" ")

    def start(name: str, _: object) -> None:
        nonlocal depth, inside, number
        depth += 1
        if inside or name.rpartition(" ")[2] != "order":
            return
        inside, number = depth, number + 1
        if number > last:
            raise _Enough
        if number in wanted:
            found[number] = parser.CurrentLineNumber

    def end(_: str) -> None:
        nonlocal depth, inside
        inside = 0 if inside == depth else inside
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                parser.Parse(block)
    except (_Enough, expat.ExpatError, LookupError):
        pass  # an encoding that expat does not know: then nobody is told a line
    return found
