"""Bytes of a delivery → Arrow batches of text, one row a record, nothing guessed.

Every batch has the column `record` (1 for the first data row or `<order>` element), the delivery's
fields as text exactly as they came (null where a field is absent), `malformed` (why the record cannot be
taken apart, else null) and `raw` (a malformed record's own text).
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from akasa.ingest.readers import split_xml, whole_xml
from akasa.ingest.readers.whole_xml import Record

CUSTOMER_FIELDS = ("customer_id", "customer_name", "mobile_number", "region")
ORDER_FIELDS = whole_xml.FIELDS
BATCH_RECORDS = 65_536
BATCH_BYTES = 16_000_000  # of text: a batch of long records has fewer of them
LONGEST_ROW_BYTES = 2_500_000  # of a CSV: four fields as long as csv allows, of letters of four bytes

_SIGNATURES = {
    b"\x1f\x8b": "gzip-compressed",
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}
_CSV_FAULTS = {
    "expected after": "text after a closing quote",
    "new-line character": "a carriage return outside quotes",
}
_BEFORE_DOCTYPE = re.compile(rb"(?:[^<]|<!--(?:-?[^-])*+-->|<\?(?:[^?]|\?(?!>))*+\?>)*+(?=<!DOCTYPE)")
_PROLOG_BYTES = 1_000_000


class RefusedDelivery(ValueError):
    """A file that cannot be trusted as a whole: `name`, `line` (None where it has none) and `cause`."""

    def __init__(self, name: str, line: int | None, cause: str) -> None:
        self.name, self.line, self.cause = name, line, cause
        super().__init__(f"{name}, line {line}: {cause}" if line else f"{name}: {cause}")


def schema(fields: Iterable[str]) -> pa.Schema:
    text = [pa.field(name, pa.string()) for name in (*fields, "malformed", "raw")]
    return pa.schema([pa.field("record", pa.int64()), *text])


def read_customers(path: Path | str, unknown: Counter[str] | None = None) -> pa.RecordBatchReader:
    """Stream a customers CSV: `record`, the four CUSTOMER_FIELDS as text, `malformed`, `raw`.

    Names of columns that are not ours are counted in `unknown`, once for each record.
    Raises RefusedDelivery, at the latest while batches are drawn.
    """
    shape = schema(CUSTOMER_FIELDS)
    records = _csv_records(Path(path), Counter() if unknown is None else unknown)
    return pa.RecordBatchReader.from_batches(shape, _batches(shape, records))


def read_orders(path: Path | str, unknown: Counter[str] | None = None) -> pa.RecordBatchReader:
    """Stream an orders XML: `record`, the six ORDER_FIELDS as text, `malformed`, `raw`; a row an `<order>`.

    Names of elements (and `@attributes`) that are not ours are counted in `unknown`.
    Raises RefusedDelivery, at the latest while batches are drawn.
    """
    shape = schema(ORDER_FIELDS)
    batches = _xml_batches(Path(path), shape, Counter() if unknown is None else unknown)
    return pa.RecordBatchReader.from_batches(shape, _evened(batches))


def _batches(shape: pa.Schema, records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    for chunk in _chunks(records):
        columns = zip(*chunk, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, shape, strict=True)]
        yield pa.record_batch(arrays, schema=shape)


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield lists of BATCH_RECORDS records, or of fewer where their text passes BATCH_BYTES in memory."""
    chunk, size = [], 0
    for record in records:
        chunk.append(record)
        size += sys.getsizeof("".join(filter(None, record[1:])))
        if len(chunk) == BATCH_RECORDS or size > BATCH_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _evened(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join and cut batches so that all but the last have BATCH_RECORDS rows, or more than BATCH_BYTES."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= BATCH_RECORDS:
            table = pa.Table.from_batches(waiting).combine_chunks()
            full = rows - rows % BATCH_RECORDS
            yield from table.slice(0, full).to_batches(max_chunksize=BATCH_RECORDS)
            waiting, rows = table.slice(full).to_batches(), rows - full
        elif sum(one.nbytes for one in waiting) > BATCH_BYTES:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.concat_batches(waiting)


def _refuse_other_formats(path: Path, head: bytes) -> None:
    if not head:
        raise RefusedDelivery(path.name, None, "the file is empty (0 bytes)")
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise RefusedDelivery(path.name, None, f"the file is {what}; deliver it as plain {path.suffix}")


def _csv_records(path: Path, unknown: Counter[str]) -> Iterator[Record]:
    with path.open("rb") as stream:
        _refuse_other_formats(path, stream.read(8))
        stream.seek(0)
        rows = _csv_rows(path, stream)
        line, _, header, fault = next(rows, (1, "", [], None))
        places, extra = _csv_columns(path, line, header, fault)
        for ordinal, (_, raw, row, fault) in enumerate(rows, start=1):
            if fault is None and len(row) != len(header):
                fault = f"{len(row)} fields where the header has {len(header)}"
            if fault is not None:
                yield (ordinal, *(None for _ in places), fault, raw)
            else:
                unknown.update(extra)
                yield (ordinal, *(row[place] for place in places), None, None)


def _csv_columns(path: Path, line: int, header: list[str], fault: str | None) -> tuple[list[int], list[str]]:
    """Return the places of our columns in the header, and the names of those that are not ours."""
    names = [name.strip() for name in header]
    if fault is not None:
        raise RefusedDelivery(path.name, line, f"the header cannot be read: {fault}")
    if names and names[0].startswith("<"):
        raise RefusedDelivery(path.name, line, "this is HTML or XML, not CSV")
    for field in CUSTOMER_FIELDS:
        if names.count(field) != 1:
            what = "lacks the column" if field not in names else "repeats the column"
            listed = ", ".join(names)[:200] or "nothing"
            raise RefusedDelivery(path.name, line, f"the header {what} {field}; it has: {listed}")
    extra = [name or "a column without a name" for name in names if name not in CUSTOMER_FIELDS]
    return [names.index(field) for field in CUSTOMER_FIELDS], extra


def _csv_rows(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, str, list[str], str | None]]:
    """Yield each row's first line number, its own text, its fields, and what is wrong with its form.

    Blank lines are no rows.
    """
    taken: list[str] = []
    reader = csv.reader(_text_lines(path, stream, taken), strict=True)
    while True:
        first_line = reader.line_num + 1
        taken.clear()
        row: list[str] = []
        fault = None
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = _csv_fault(path, first_line, str(error))
        raw = "".join(taken).rstrip("\r\n")
        if "\0" in raw:
            fault = "a NUL byte"
        if row or fault is not None:
            yield first_line, raw, row, fault


def _csv_fault(path: Path, line: int, message: str) -> str:
    """Return the fault of one row; raise RefusedDelivery where the rest of the file is in doubt."""
    if "unexpected end of data" in message:
        raise RefusedDelivery(path.name, line, "the record that begins here has a quote that is never closed")
    if "field limit" in message:
        limit = f"{csv.field_size_limit():,}"
        raise RefusedDelivery(path.name, line, f"a field is longer than {limit} characters; an open quote?")
    return next((fault for part, fault in _CSV_FAULTS.items() if part in message), message)


def _text_lines(path: Path, stream: IO[bytes], taken: list[str]) -> Iterator[str]:
    """Decode line by line, so that a wrong byte is found on its line; note in `taken` what was handed out.

    `taken` is emptied elsewhere, where a record begins.
    """
    length = 0
    for number, line in enumerate(iter(partial(stream.readline, LONGEST_ROW_BYTES + 1), b""), start=1):
        length = length + len(line) if taken else len(line)
        if length > LONGEST_ROW_BYTES:
            cause = f"the record that begins here is longer than {LONGEST_ROW_BYTES:,} bytes; an open quote?"
            raise RefusedDelivery(path.name, number - len(taken), cause)
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            cause = f"not UTF-8 (byte 0x{line[error.start]:02x}); save the file as UTF-8"
            raise RefusedDelivery(path.name, number, cause) from None
        taken.append(text)
        yield text


def _xml_batches(path: Path, shape: pa.Schema, unknown: Counter[str]) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as stream:
        _refuse_other_formats(path, stream.read(8))
        try:
            stream.seek(0)
            _check_prolog(path, stream)
            yield from _order_batches(stream, shape, unknown)
        except etree.XMLSyntaxError as error:
            what = error.msg.rpartition(", line ")[0].strip() or error.msg
            raise RefusedDelivery(path.name, error.lineno, f"not well-formed XML: {what}") from None
        except whole_xml.LimitBroken as limit:
            raise RefusedDelivery(path.name, limit.line, limit.cause) from None


def _order_batches(stream: IO[bytes], shape: pa.Schema, unknown: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Read in parts while that is certain; else read from the start in one piece, past what was read."""
    done, found, names = 0, Counter[str](), set[bytes]()
    elements = partial(whole_xml.records, names=names)
    try:
        for part, unknown_there in split_xml.parts(stream, shape, elements):
            yield part.set_column(0, shape.field(0), pc.add(part.column(0), done))
            done += part.num_rows
            found += unknown_there
            whole_xml.note_names(map(str.encode, unknown_there), names)
    except split_xml.CannotSplit:
        stream.seek(0)
        yield from _batches(shape, islice(elements(stream, unknown), done, None))
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
    stream.seek(0)
    without_nuls = stream.read(_PROLOG_BYTES).replace(b"\0", b"")  # UTF-16 has one in each letter
    before = _BEFORE_DOCTYPE.match(without_nuls)
    return before[0].count(b"\n") + 1 if before else None
