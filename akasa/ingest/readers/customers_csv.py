"""Read a customers CSV with Python's own `csv`, strictly, a record at a time.

pandas is faster, but shifts all columns, without a word, where the first row has a field too many. Here such
a row is one malformed record, and the others are read on.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa

from akasa.ingest.readers.records import (
    CUSTOMER_FIELDS,
    Record,
    RefusedDelivery,
    batches,
    refuse_other_formats,
    schema,
)

LONGEST_ROW_BYTES = 2_500_000  # four fields as long as csv allows, of letters of four bytes

_FAULTS = {  # what csv says → what a person who mends the file understands
    "expected after": "text after a closing quote",
    "new-line character": "a carriage return outside quotes",
}

Row = tuple[int, str, list[str], str | None]  # first line's number, own text, fields, what is wrong


def read_customers(path: Path | str, unknown: Counter[str] | None = None) -> pa.RecordBatchReader:
    """Stream a customers CSV: `record`, the four CUSTOMER_FIELDS as text, `malformed`, `raw`.

    Names of columns that are not ours are counted in `unknown`, once for each record.
    Raises RefusedDelivery, at the latest while batches are drawn.
    """
    shape = schema(CUSTOMER_FIELDS)
    records = _records(Path(path), Counter() if unknown is None else unknown)
    return pa.RecordBatchReader.from_batches(shape, batches(records, shape))


def _records(path: Path, unknown: Counter[str]) -> Iterator[Record]:
    with path.open("rb") as stream:
        refuse_other_formats(path, stream)
        rows = _rows(path, stream)
        line, _, header, fault = next(rows, (1, "", [], None))
        places, extra = _columns(path, line, header, fault)
        for ordinal, (_, raw, row, fault) in enumerate(rows, start=1):
            if fault is None and len(row) != len(header):
                fault = f"{len(row)} fields where the header has {len(header)}"
            if fault is not None:
                yield (ordinal, *(None for _ in places), fault, raw)
            else:
                unknown.update(extra)
                yield (ordinal, *(row[place] for place in places), None, None)


def _columns(path: Path, line: int, header: list[str], fault: str | None) -> tuple[list[int], list[str]]:
    """Return the places of our columns in the header, and the names of those that are not ours."""
    names = [name.strip() for name in header]
    if fault is not None:
        raise RefusedDelivery(path.name, line, f"the header cannot be read: {fault}")
    # A download that failed is often a web page under the name of the file.
    if names and names[0].startswith("<"):
        raise RefusedDelivery(path.name, line, "this is HTML or XML, not CSV")
    for field in CUSTOMER_FIELDS:
        if names.count(field) != 1:
            what = "lacks the column" if field not in names else "repeats the column"
            listed = ", ".join(names)[:200] or "nothing"
            raise RefusedDelivery(path.name, line, f"the header {what} {field}; it has: {listed}")
    extra = [name or "a column without a name" for name in names if name not in CUSTOMER_FIELDS]
    return [names.index(field) for field in CUSTOMER_FIELDS], extra


def _rows(path: Path, stream: IO[bytes]) -> Iterator[Row]:
    """Yield the rows, the header among them; blank lines are no rows."""
    # csv takes as many lines as a row has, and tells nobody what was in them: `taken` remembers.
    taken: list[str] = []
    reader = csv.reader(_text_lines(path, stream, taken), strict=True)
    # Not a `for` loop: an error would end it, while the reader itself can go on with the next line.
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
            fault = _fault(path, first_line, str(error))
        raw = "".join(taken).rstrip("\r\n")
        if "\0" in raw:
            fault = "a NUL byte"
        if row or fault is not None:
            yield first_line, raw, row, fault


def _fault(path: Path, line: int, message: str) -> str:
    """Return the fault of one row; raise RefusedDelivery where the rest of the file is in doubt."""
    # An open quote takes the rows after it for its text: nobody can say where the next one begins.
    if "unexpected end of data" in message:
        raise RefusedDelivery(path.name, line, "the record that begins here has a quote that is never closed")
    if "field limit" in message:
        limit = f"{csv.field_size_limit():,}"
        raise RefusedDelivery(path.name, line, f"a field is longer than {limit} characters; an open quote?")
    return next((fault for part, fault in _FAULTS.items() if part in message), message)


def _text_lines(path: Path, stream: IO[bytes], taken: list[str]) -> Iterator[str]:
    """Yield the file's lines as text, and add each to `taken`, which is emptied where a record begins.

    Each is decoded by itself, so that a wrong byte is found on its line.
    """
    length = 0
    # readline() has a limit, as a file without a newline would else be one line, whole in memory.
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
