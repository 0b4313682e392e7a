"""Read an orders XML: in runs, several at a time, while that is certain; else in one piece.

`split_xml` cuts the file into runs, `plain_xml` reads the usual ones by columns, and `whole_xml`, which has
a parser that knows all of XML, reads whatever is left and has the last word.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from akasa.ingest.readers import split_xml, whole_xml
from akasa.ingest.readers.records import (
    ORDER_FIELDS,
    RefusedDelivery,
    batches,
    evened,
    refuse_other_formats,
    schema,
)

_BEFORE_DOCTYPE = re.compile(rb"(?:[^<]|<!--(?:-?[^-])*+-->|<\?(?:[^?]|\?(?!>))*+\?>)*+(?=<!DOCTYPE)")
_PROLOG_BYTES = 1_000_000


def read_orders(path: Path | str, unknown: Counter[str] | None = None) -> pa.RecordBatchReader:
    """Stream an orders XML: `record`, the six ORDER_FIELDS as text, `malformed`, `raw`; a row an `<order>`.

    Names of elements (and `@attributes`) that are not ours are counted in `unknown`.
    Raises RefusedDelivery, at the latest while batches are drawn.
    """
    shape = schema(ORDER_FIELDS)
    uneven = _order_batches(Path(path), shape, Counter() if unknown is None else unknown)
    return pa.RecordBatchReader.from_batches(shape, evened(uneven))


def _order_batches(path: Path, shape: pa.Schema, unknown: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Yield the orders, and tell of every fault of the file by a RefusedDelivery."""
    with path.open("rb") as stream:
        refuse_other_formats(path, stream)
        try:
            _check_prolog(path, stream)
            yield from _parts_or_whole(stream, shape, unknown)
        except etree.XMLSyntaxError as error:
            # lxml ends its message with a place, which the refusal names in its own way.
            what = error.msg.rpartition(", line ")[0].strip() or error.msg
            raise RefusedDelivery(path.name, error.lineno, f"not well-formed XML: {what}") from None
        except whole_xml.LimitBroken as limit:
            raise RefusedDelivery(path.name, limit.line, limit.cause) from None


def _parts_or_whole(stream: IO[bytes], shape: pa.Schema, unknown: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Read in parts while that is certain; else read from the start in one piece, past what was read."""
    done, names = 0, whole_xml.Names()
    # Apart from `unknown`: the whole parser begins at the start again, and would count all of it twice.
    found = Counter[str]()
    elements = partial(whole_xml.records, names=names)
    try:
        for part, unknown_there in split_xml.parts(stream, shape, elements):
            yield part.set_column(0, shape.field(0), pc.add(part.column(0), done))
            done += part.num_rows
            found += unknown_there
            # Runs that were read by columns count towards the file's limit on names as well.
            names.note(map(str.encode, unknown_there))
    except split_xml.CannotSplit:
        stream.seek(0)
        yield from batches(islice(elements(stream, unknown), done, None), shape)
    else:
        unknown += found


def _check_prolog(path: Path, stream: IO[bytes]) -> None:
    """Refuse a DOCTYPE (entities could hide or multiply text) and any root but `<orders>`."""
    root = whole_xml.open_root(stream)
    if root.getroottree().docinfo.doctype:
        cause = "it has a DOCTYPE, which is never accepted; deliver plain XML"
        raise RefusedDelivery(path.name, _line_of_doctype(stream), cause)
    if whole_xml.local(root) != "orders":
        cause = f"the root element is <{whole_xml.local(root)}>, not <orders>"
        raise RefusedDelivery(path.name, root.sourceline, cause)


def _line_of_doctype(stream: IO[bytes]) -> int | None:
    """Look for the line in the file's own bytes, as lxml doesn't tell it."""
    stream.seek(0)
    without_nuls = stream.read(_PROLOG_BYTES).replace(b"\0", b"")  # UTF-16 has one in each letter
    before = _BEFORE_DOCTYPE.match(without_nuls)
    return before[0].count(b"\n") + 1 if before else None
