"""Read an orders XML in runs that end with an `</order>`, several at a time.

A run that `plain_xml` cannot vouch for goes to the whole parser, between the file's own head (up to the
root's start tag) and `</orders>`. Where that is well-formed, the run began and ended directly below the root:
only there can the end of the root stand, outside of any tag, comment, CDATA section or inner element.
Where it is not, the cut may be none, and the file has to be read in one piece.
"""

import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import IO, Any

import numpy as np
import pyarrow as pa
from lxml import etree

from akasa.ingest.readers import plain_xml

RUN_BYTES = 2_000_000
LONGEST_RUN_BYTES = 4_000_000  # below the parser's limit for one text: a run cannot hide a longer one
THREADS = 2
_WHOLE_PARSER = Lock()  # it holds the GIL most of the time: two of them only get in each other's way
_HEAD_BYTES = 65_536
_END_OF_ORDER, _END_OF_ROOT = b"</order>", b"</orders>"
_HEAD = re.compile(
    rb"""(?:\xef\xbb\xbf)?
    (?:<\?xml\s+version\s*=\s*(["'])1\.0\1(?:\s+encoding\s*=\s*(["'])[Uu][Tt][Ff]-8\2)?\s*\?>)?
    (?:[ \t\r\n]|<!--(?:-?[^-])*+-->)*+
    <orders(?:\s[^<>]*)?>""",
    re.VERBOSE,
)

Elements = Callable[[IO[bytes], Counter[str]], Iterator[tuple[Any, ...]]]
Part = tuple[pa.RecordBatch, Counter[str]]


class CannotSplit(Exception):
    """What follows has to be read in one piece, with the rest of the file."""


def parts(stream: IO[bytes], shape: pa.Schema, elements: Elements) -> Iterator[Part]:
    """Yield batches of `shape`, their `record` counted from 1 in each, and what each had that is unknown.

    `elements` is the whole parser: from a stream, and a counter of what is unknown, to records.
    Raises CannotSplit, after the parts that are certain.
    """
    head = _head(stream, elements)
    read = partial(_part, head, shape, elements)
    with ThreadPoolExecutor(THREADS) as pool:
        pending: deque[Future[Part]] = deque()
        for run in _runs(stream, len(head)):
            pending.append(pool.submit(read, run))
            if len(pending) > THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _head(stream: IO[bytes], elements: Elements) -> bytes:
    """Return the file's bytes up to the end of the root's start tag."""
    stream.seek(0)
    match = _HEAD.match(stream.read(_HEAD_BYTES))
    if not match:
        raise CannotSplit
    _records(match[0] + _END_OF_ROOT, elements, Counter())
    return match[0]


def _runs(stream: IO[bytes], start: int) -> Iterator[bytes]:
    stream.seek(start)
    rest = b""
    while block := stream.read(RUN_BYTES):
        rest += block
        cut = rest.rfind(_END_OF_ORDER) + len(_END_OF_ORDER)
        if cut >= len(_END_OF_ORDER):
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > LONGEST_RUN_BYTES:
            raise CannotSplit
    yield rest


def _part(head: bytes, shape: pa.Schema, elements: Elements, run: bytes) -> Part:
    try:
        return _plain_part(head, shape, elements, run)
    except plain_xml.NotPlain:
        unknown = Counter[str]()
        end = _END_OF_ROOT if run.endswith(_END_OF_ORDER) else b""
        records = _records(head + run + end, elements, unknown)
        columns = [[record[place] for record in records] for place in range(len(shape))]
        return _batch(columns, shape), unknown


def _plain_part(head: bytes, shape: pa.Schema, elements: Elements, run: bytes) -> Part:
    """Read a run by columns; only orders that repeat a field go to the whole parser, for their fault."""
    plain = plain_xml.parse(run, shape.names[1:-2])
    faults: list[str | None] = [None] * plain.count
    raw = faults.copy()
    if plain.repeating:
        faulty = b"".join((head, *plain.repeating.values(), _END_OF_ROOT))
        for row, record in zip(plain.repeating, _records(faulty, elements, Counter()), strict=True):
            *_, faults[row], raw[row] = record
    return _batch((np.arange(1, plain.count + 1), *plain.columns, faults, raw), shape), plain.unknown


def _records(content: bytes, elements: Elements, unknown: Counter[str]) -> list[tuple[Any, ...]]:
    try:
        with _WHOLE_PARSER:
            return list(elements(io.BytesIO(content), unknown))
    except etree.XMLSyntaxError:
        raise CannotSplit from None


def _batch(columns: Iterable[Any], shape: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, shape, strict=True)]
    return pa.record_batch(arrays, schema=shape)
