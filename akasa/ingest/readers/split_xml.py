"""Read an orders XML in runs that end with an `</order>`, several at a time.

The file is cut at an `</order>` wherever one is found, without knowing whether it is a real one: it may stand
in a comment, in CDATA or in a value. Each run then has to prove that its cuts were right. Either `plain_xml`
vouches for it, or the whole parser reads it between the file's own head (up to the root's start tag) and
`</orders>`. If that is well-formed, the run began and ended directly below the root, as only there the root
may end. If it is not, a cut may have been wrong, and the file has to be read in one piece.
"""

import io
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from akasa.ingest.readers import plain_xml, whole_xml
from akasa.ingest.readers.records import Record, batch

RUN_BYTES = 2_000_000
LONGEST_RUN_BYTES = 4_000_000  # below the parser's limit for one text: a run cannot hide a longer one
HEAD_BYTES = 65_536  # in which the root's start tag must end
THREADS = 2
_WHOLE_PARSER = Lock()  # it holds the GIL most of the time: two of them only get in each other's way
_END_OF_ORDER, _END_OF_ROOT = b"</order>", b"</orders>"
# A head with any other encoding, or with a DOCTYPE, must not match: a run of bytes is then not what it seems.
_HEAD = re.compile(
    rb"""(?:\xef\xbb\xbf)?
    (?:<\?xml\s+version\s*=\s*(["'])1\.0\1(?:\s+encoding\s*=\s*(["'])[Uu][Tt][Ff]-8\2)?\s*\?>)?
    (?:[ \t\r\n]|<!--(?:-?[^-])*+-->)*+
    <orders(?:\s[^<>]*)?>""",
    re.VERBOSE,
)

Elements = Callable[[IO[bytes], Counter[str]], Iterator[Record]]
Part = tuple[pa.RecordBatch, Counter[str], Collection[str]]


class CannotSplit(Exception):
    """What follows has to be read in one piece, with the rest of the file."""


def parts(stream: IO[bytes], shape: pa.Schema, elements: Elements) -> Iterator[Part]:
    """Yield batches of `shape`, their `record` counted from 1 in each, and what each had that is unknown.

    The third are the names that `elements` did not see, as their run was read by columns.
    `elements` is the whole parser: from a stream, and a counter of what is unknown, to records.
    Raises CannotSplit, after the parts that are certain.
    """
    head = _head(stream, elements)
    read = partial(_part, head, shape, elements)
    with ThreadPoolExecutor(THREADS) as pool:
        # Few at a time, as all that was read ahead lies in memory.
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
    match = _HEAD.match(stream.read(HEAD_BYTES))
    if not match:
        raise CannotSplit
    # The pattern is lax about attributes: below a head that the parser refuses nothing may be given out.
    _whole_records(match[0] + _END_OF_ROOT, elements, Counter())
    return match[0]


def _runs(stream: IO[bytes], start: int) -> Iterator[bytes]:
    """Cut after the last `</order>` of each block; the last run is the rest, with the root's end tag."""
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
        return _whole_part(head, shape, elements, run)


def _plain_part(head: bytes, shape: pa.Schema, elements: Elements, run: bytes) -> Part:
    """Read a run by columns; only orders that repeat a field go to the whole parser."""
    fields = shape.names[1:-2]  # less `record`, `malformed` and `raw`
    plain = plain_xml.parse(run, fields)
    nothing = pa.nulls(plain.count, pa.string())
    columns = [*plain.columns, nothing, nothing]
    if plain.repeating:
        faulty = b"".join((head, *plain.repeating.values(), _END_OF_ROOT))
        _, *found = zip(*_whole_records(faulty, elements, Counter()), strict=True)
        columns = [_with(one, plain.repeating, texts) for one, texts in zip(columns, found, strict=True)]
    return batch((np.arange(1, plain.count + 1), *columns), shape), plain.unknown, plain.unknown


def _with(column: pa.StringArray, rows: Collection[int], texts: Sequence[str | None]) -> pa.StringArray:
    """Return the column with these texts in these rows, which ascend."""
    chosen = np.zeros(len(column), bool)
    chosen[list(rows)] = True
    return pc.replace_with_mask(column, pa.array(chosen), pa.array(texts, pa.string()))


def _whole_part(head: bytes, shape: pa.Schema, elements: Elements, run: bytes) -> Part:
    unknown = Counter[str]()
    # The file's last run has the root's end tag itself; or lacks it, which must stay a fault.
    end = _END_OF_ROOT if run.endswith(_END_OF_ORDER) else b""
    records = _whole_records(head + run + end, elements, unknown)
    columns = [[record[place] for record in records] for place in range(len(shape))]
    return batch(columns, shape), unknown, ()


def _whole_records(content: bytes, elements: Elements, unknown: Counter[str]) -> list[Record]:
    try:
        with _WHOLE_PARSER:
            return list(elements(io.BytesIO(content), unknown))
    except etree.XMLSyntaxError:
        # Not yet a fault of the file: read in one piece, it may be well-formed, or fail with the right line.
        raise CannotSplit from None
    except whole_xml.LimitBroken as limit:
        if limit.line is None:
            raise
        # So it is the file's line, not one of the run.
        raise CannotSplit from None
