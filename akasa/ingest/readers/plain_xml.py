"""Take a run of plain `<order>` elements apart by columns, or find that it isn't plain.

Plain is: UTF-8; `<order>` without attributes, and in it at least one element, each flat, without attributes
or prefix, its text without `&`, `>` or control characters; between the tags only white space, and comments
without angle brackets.

The run is looked at as values with gaps between them. A value is the text of an element that holds no other;
a gap goes from its end tag to the start tag of the next value: `</sku_id> <sku_count>`, or, from one order to
the next, `</total_amount> </order> <order> <order_id>`. Gaps of a delivery are nearly all alike, so each of
their spellings is judged once, and must match `_GAP` in full. So every value begins and ends outside of tags
and comments, and the columns are those that any conforming parser finds.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from akasa.ingest.readers import whole_xml

Ints = NDArray[Any]

_COMMENTED = r"[^-<>\0-\x08\x0b-\x1f]"
_SPACE = rf"(?:[ \t\n]|<!--(?:-?{_COMMENTED})*+-->)*+"
_NAME = r"(?!order>)([A-Za-z_][\w.-]{0,99})"
_GAP = re.compile(rf"</{_NAME}>{_SPACE}(?:(</order>){_SPACE}<order>{_SPACE})?<{_NAME}>", re.ASCII)
_MOST_NAMES = 100  # each is a pass over the run
_NOT_CHARACTERS = b"\xef\xbf\xbe", b"\xef\xbf\xbf"  # U+FFFE and U+FFFF: UTF-8, but forbidden in XML
_TAB, _NEWLINE, _BLANK, _LESS, _GREATER, _SLASH, _BELOW_LETTERS = b"\t\n <>/?"
_ANGLE = _LESS & _GREATER
_ANGLE_BITS = 0xFF ^ _LESS ^ _GREATER  # the two differ in one bit: one comparison finds both


class NotPlain(Exception):
    """The run holds something that only a whole parser can judge."""


@dataclass(frozen=True)
class PlainOrders:
    """`count` orders by columns: a string array a field, null where an order lacks it or gives it twice.

    `repeating` maps the row of an order to its XML where it gives a field more than once; `unknown` counts
    the elements that are no fields.
    """

    count: int
    columns: list[pa.StringArray]
    repeating: dict[int, bytes]
    unknown: Counter[str]


class _Gap(NamedTuple):
    """One spelling of a gap: the element that it closes, whether the order ends there, what it opens."""

    closed: str
    ends_order: bool
    opened: str


@dataclass(frozen=True)
class _Tags:
    """What the tags say of each value: its name, as a place in `names`, and the row of its order."""

    names: list[str]
    name: Ints
    row: Ints


def parse(run: bytes, fields: Sequence[str]) -> PlainOrders:
    """Return the orders of a run that begins outside of markup, below the root, and ends with `</order>`.

    Raises NotPlain.
    """
    # XML has it so: of a CRLF only the newline is text.
    run = run.replace(b"\r\n", b"\n") if b"\r" in run else run
    _check_text(run)
    bounds = _bounds(run)
    # One array over the run itself, nothing copied: a value, a gap, a value, … a value.
    tokens = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(run))
    tags = _tags(run, bounds, tokens, fields)
    count = int(tags.row[-1]) + 1
    # With its own, an order has an element more than values.
    if np.bincount(tags.row).max() >= whole_xml.MOST_ELEMENTS:
        raise NotPlain
    columns, unknown, repeating = [], Counter[str](), set[int]()
    for number, name in enumerate(tags.names):
        places = np.flatnonzero(tags.name == number)
        values = tokens.take(pa.array(2 * places))
        _check_controls(values)
        if name not in fields:
            unknown[name] = len(places)
            continue
        column, again = _column(values, tags.row[places], count)
        columns.append(column)
        repeating.update(again.tolist())
    orders = {row: _order(run, bounds, tags.row, row) for row in sorted(repeating)}
    return PlainOrders(count, columns, orders, unknown)


def _check_text(run: bytes) -> None:
    # A `&` begins a reference, which a parser would resolve.
    if b"\r" in run or b"&" in run:
        raise NotPlain
    if not run.isascii():
        try:
            run.decode()
        except UnicodeDecodeError:
            raise NotPlain from None
        if any(one in run for one in _NOT_CHARACTERS):
            raise NotPlain


def _bounds(run: bytes) -> Ints:
    """Return where each value begins and ends: what lies between a start tag's `>` and an end tag's `<`."""
    data = np.frombuffer(run, np.uint8)
    angles = np.flatnonzero((data & _ANGLE_BITS) == _ANGLE)
    less, greater = angles[::2], angles[1::2]
    # Where they alternate, none stands inside of a tag, a comment or a text.
    if data[angles].tobytes() != b"<>" * len(less):
        raise NotPlain
    # The byte after a `<` tells what it begins: a letter is above `?`, and `!`, `/` and `?` are not.
    first = data[less + 1]
    before = np.flatnonzero((first[:-1] > _BELOW_LETTERS) & (first[1:] == _SLASH))
    if not len(before):
        raise NotPlain
    bounds = np.empty(2 * len(before), np.int32)
    bounds[::2], bounds[1::2] = greater[before] + 1, less[before + 1]
    return bounds


def _tags(run: bytes, bounds: Ints, tokens: pa.StringArray, fields: Sequence[str]) -> _Tags:
    """Read the gaps: they name each value twice, in its start tag and in its end tag."""
    between = tokens.take(pa.array(np.arange(1, len(tokens), 2))).dictionary_encode()
    # The run is bent to a ring: from its last value over its end to its first value is a gap like others,
    # and so a single pattern judges also how the run begins and ends.
    around = (run[bounds[-1] :] + run[: bounds[0]]).decode()
    spellings = [_gap(text) for text in (*between.dictionary.to_pylist(), around)]
    if not spellings[-1].ends_order:
        raise NotPlain
    names = list(dict.fromkeys((*fields, *(gap.opened for gap in spellings))))
    if len(names) > _MOST_NAMES:
        raise NotPlain
    return _values_of(spellings, np.append(between.indices, len(spellings) - 1), names)


def _gap(text: str) -> _Gap:
    match = _GAP.fullmatch(text)
    if not match:
        raise NotPlain
    return _Gap(match[1], match[2] is not None, match[3])


def _values_of(spellings: list[_Gap], spelling: Ints, names: list[str]) -> _Tags:
    """Tell the name and the row of each value; `spelling` is that of the gap behind it."""
    number = {name: place for place, name in enumerate(names)}
    # What closes a name that nothing opens is -1, which equals none of them below.
    closed = np.array([number.get(gap.closed, -1) for gap in spellings], np.int16)[spelling]
    opened = np.array([number[gap.opened] for gap in spellings], np.int16)[spelling]
    ends = np.array([gap.ends_order for gap in spellings])[spelling]
    # A value's start tag stands in the gap before it: before the first one, in the last of the ring.
    name = np.roll(opened, 1)
    if (closed != name).any():
        raise NotPlain
    # Orders that ended before this value; the one that ends right behind it is still its own.
    return _Tags(names, name, np.cumsum(ends) - ends)


def _column(values: pa.StringArray, row: Ints, count: int) -> tuple[pa.StringArray, Ints]:
    """Lay values out by row; return also the rows that have more than one, where the column is null."""
    again = row[1:][row[1:] == row[:-1]]
    if len(row) == count and not len(again):
        return values, again
    place = np.full(count, -1)
    place[row] = np.arange(len(row))
    place[again] = -1
    return values.take(pa.array(place, mask=place < 0)), again


def _check_controls(values: pa.StringArray) -> None:
    """Refuse control characters in values, but for tabs and newlines; in gaps, the pattern does."""
    _, offsets, text = values.buffers()
    # The buffer may be longer than the text in it.
    data = np.frombuffer(text, np.uint8, count=np.frombuffer(offsets, np.int32)[len(values)])
    if np.count_nonzero(data < _BLANK) != sum(np.count_nonzero(data == white) for white in (_TAB, _NEWLINE)):
        raise NotPlain


def _order(run: bytes, bounds: Ints, rows: Ints, row: int) -> bytes:
    """Return an order's own XML: the tags around its first and its last value."""
    first, beyond = np.searchsorted(rows, (row, row + 1))
    start = run.rindex(b"<order>", 0, bounds[2 * first])
    return run[start : run.index(b"</order>", bounds[2 * beyond - 1]) + len(b"</order>")]
