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

from akasa.ingest.readers import prolog, split_xml, whole_xml
from akasa.ingest.readers.records import (
    ORDER_FIELDS,
    RefusedDelivery,
    batches,
    evened,
    refuse_other_formats,
    schema,
    shown,
)

_PARSER_OPTION = re.compile(r", (?:use|try) XML_PARSE_HUGE.*", re.DOTALL)  # which nobody can set here
_IN_ENCODING = "; save it as UTF-8, or have it say the encoding that it is in"
_NAMED = 5  # of what is there instead of orders


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
    found, records = Counter[str](), 0
    with path.open("rb") as stream:
        refuse_other_formats(path, stream)
        prolog.check(path, stream)
        try:
            for one in _parts_or_whole(stream, shape, found):
                records += one.num_rows
                yield one
        except etree.XMLSyntaxError as error:
            raise RefusedDelivery(path.name, error.lineno, _not_well_formed(error)) from None
        except whole_xml.LimitBroken as limit:
            raise RefusedDelivery(path.name, limit.line, limit.cause) from None
    if found and not records:
        raise RefusedDelivery(path.name, None, _no_order(found))
    unknown.update(found)


def _not_well_formed(error: etree.XMLSyntaxError) -> str:
    # lxml ends its message with a place, which the refusal names in its own way.
    what = shown(_PARSER_OPTION.sub("", error.msg.rpartition(", line ")[0] or error.msg).strip())
    hint = _IN_ENCODING if error.code == etree.ErrorTypes.ERR_INVALID_ENCODING else ""
    return f"not well-formed XML: {what}{hint}"


def _no_order(found: Counter[str]) -> str:
    """Tell what a file holds that has something below its root, and no `<order>`."""
    there = ", ".join(f"{shown(what)} ({count:,} times)" for what, count in found.most_common(_NAMED))
    more = f" and {len(found) - _NAMED:,} others" if len(found) > _NAMED else ""
    return f"it has not one <order>, but {there}{more}; a day without orders is an empty <orders/>"


def _parts_or_whole(stream: IO[bytes], shape: pa.Schema, unknown: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Read in parts while that is certain; else read from the start in one piece, past what was read."""
    done, names = 0, whole_xml.Names()
    # Apart from `unknown`: the whole parser begins at the start again, and would count all of it twice.
    found = Counter[str]()
    elements = partial(whole_xml.records, names=names)
    try:
        for part, unknown_there, names_there in split_xml.parts(stream, shape, elements):
            yield part.set_column(0, shape.field(0), pc.add(part.column(0), done))
            done += part.num_rows
            found += unknown_there
            # Runs that were read by columns count towards the file's limit on names as well.
            names.note(map(str.encode, names_there))
    except split_xml.CannotSplit:
        stream.seek(0)
        yield from batches(islice(elements(stream, unknown), done, None), shape)
    else:
        unknown += found
