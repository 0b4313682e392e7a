"""Read a customers CSV with Python's own `csv`, strictly, a record at a time.

pandas is faster, but shifts all columns, without a word, where the first row has a field too many. Here such
a row is one malformed record, and the others are read on.

A quote typed by hand opens a field that goes on to the next quote, with all the rows between them. So a
record of more than MOST_LINES lines is malformed, and so is one with a field that has the line break and the
commas of rows in it. Where nobody can say whether a quote is open, the file is refused: no record is made of
a part of another.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa

from akasa.ingest.readers import marks
from akasa.ingest.readers.records import (
    CUSTOMER_FIELDS,
    Record,
    RefusedDelivery,
    batches,
    refuse_other_formats,
    schema,
    shown,
)

MOST_LINES = 3  # of one record
LONGEST_ROW_BYTES = 2_500_000  # four fields as long as csv allows, of letters of four bytes

_FAULTS = {  # what csv says → what a person who mends the file understands
    "expected after": "text after a closing quote",
    "new-line character": "a carriage return outside quotes",
}
_IN_DOUBT = (
    "nobody can say where the record that begins here ends ({}, and a quote is left open); "
    'write a quote that belongs to the text twice ("")'
)
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_EMPTY = "a row without any text"

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
        _refuse_utf_16(path, stream)
        rows = _rows(path, stream)
        line, raw, header, fault = next(rows, (1, "", [], None))
        marked = _is_marked(header)
        if marked:
            raw, header = marks.apart(raw)[1], header[1:]
        places, extra = _columns(path, line, raw, header, fault)
        ordinal = 0
        for line, raw, row, fault in _unmarked(rows, unknown) if marked else rows:
            if fault is None and not "".join(row).strip():
                unknown[_EMPTY] += 1
                continue
            ordinal += 1
            fault = fault or _run_on(line, raw, row, len(header)) or _miscounted(row, header)
            if fault is not None:
                yield (ordinal, *(None for _ in places), fault, raw)
            else:
                unknown.update(extra)
                yield (ordinal, *(row[place] for place in places), None, None)


def texts(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield the number, first line and own text of each record of a file that was read before.

    The header is number 0. The marks of a repair are left out.
    """
    with path.open("rb") as stream:
        for ordinal, line, raw, is_marked in _numbered(path, stream):
            yield ordinal, line, marks.apart(raw)[1] if is_marked else raw


def read_marks(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the mark of each record that has one, of a file that was read before."""
    with path.open("rb") as stream:
        for ordinal, _, raw, is_marked in _numbered(path, stream):
            mark = marks.apart(raw)[0] if is_marked and ordinal else ""
            if mark:
                yield ordinal, mark


def _numbered(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, int, str, bool]]:
    """Yield the header, as number 0, and the records as `_records` numbers them."""
    rows = _rows(path, stream)
    line, raw, header, _ = next(rows)
    is_marked = _is_marked(header)
    yield 0, line, raw, is_marked
    ordinal = 0
    for line, raw, row, fault in rows:
        if fault is not None or "".join(row[is_marked:]).strip():
            ordinal += 1
            yield ordinal, line, raw, is_marked


def _is_marked(header: list[str]) -> bool:
    return bool(header) and header[0].strip() == marks.FIELD


def _unmarked(rows: Iterator[Row], unknown: Counter[str]) -> Iterator[Row]:
    """Yield the rows of a repair as they would be without its first column, the marks."""
    for line, raw, row, fault in rows:
        unknown[marks.FIELD] += 1
        yield line, marks.apart(raw)[1], row[1:], fault


def _refuse_utf_16(path: Path, stream: IO[bytes]) -> None:
    head = stream.read(200)
    stream.seek(0)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or 3 * head.count(b"\0") > len(head):
        raise RefusedDelivery(path.name, 1, "the file is in UTF-16; save it as UTF-8")


def _run_on(line: int, raw: str, row: list[str], width: int) -> str | None:
    """Return what is wrong with a record of several lines that a stray quote may have made of rows."""
    lines = raw.count("\n") + 1
    if lines == 1:
        return None
    if lines > MOST_LINES or any(_is_of_rows(field, width) for field in row):
        last = line + lines - 1
        return f"lines {line:,} to {last:,} are one record: is a quote on line {line:,} not closed?"
    return None


def _is_of_rows(field: str, width: int) -> bool:
    """Tell whether a field goes on into a later row: up to a column behind its first one, there is a comma
    behind the break; up to its first one, from a first one, there are all the commas of a row before.
    """
    _, line_break, later = field.partition("\n")
    return bool(line_break) and ("," in later or field.count(",") >= width - 1)


def _miscounted(row: list[str], header: list[str]) -> str | None:
    if len(row) == len(header):
        return None
    return f"{len(row)} fields where the header has {len(header)}"


def _columns(
    path: Path, line: int, raw: str, header: list[str], fault: str | None
) -> tuple[list[int], list[str]]:
    """Return the places of our columns in the header, and the names of those that are not ours."""
    names = [name.strip() for name in header]
    if fault is not None:
        cause = f"the header cannot be read: {fault}{_way_out(raw, names)}"
        raise RefusedDelivery(path.name, line, cause)
    # A download that failed is often a web page under the name of the file.
    if names and names[0].startswith("<"):
        raise RefusedDelivery(path.name, line, "this is HTML or XML, not CSV")
    if marks.FIELD in names:
        cause = f"the column {marks.FIELD} is to be the first one, and once, as it was exported"
        raise RefusedDelivery(path.name, line, cause)
    for field in CUSTOMER_FIELDS:
        if names.count(field) != 1:
            what = "lacks the column" if field not in names else "repeats the column"
            listed = shown(", ".join(names)) or "nothing"
            cause = f"the header {what} {field}; it has: {listed}{_way_out(raw, names)}"
            raise RefusedDelivery(path.name, line, cause)
    extra = [name or "a column without a name" for name in names if name not in CUSTOMER_FIELDS]
    return [names.index(field) for field in CUSTOMER_FIELDS], extra


def _way_out(raw: str, names: list[str]) -> str:
    """Say what to do about a header, where it can be told what it was meant to be."""
    if raw.lower().startswith("sep="):
        return "; a line that begins with sep= is for Excel alone: leave it out"
    for separator, what in _SEPARATORS.items():
        if set(CUSTOMER_FIELDS) <= {_alike(name) for name in raw.split(separator)}:
            return f"; its columns are separated by {what}: save it with commas"
    meant = {name: _alike(name) for name in names if name not in CUSTOMER_FIELDS}
    renamed = [f"{shown(name)} is to be {field}" for name, field in meant.items() if field in CUSTOMER_FIELDS]
    return f"; {', '.join(renamed)}, letter by letter" if renamed else ""


def _alike(name: str) -> str:
    """Return a name as it would be if written like ours: small letters, `_` for spaces and dashes."""
    written = "".join(c for c in name.strip().strip('"') if unicodedata.category(c) not in ("Cf", "Cc"))
    return re.sub(r"[\s_-]+", "_", written.strip().lower())


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
        # csv drops the rest of the line, and takes the next one for a new record, whatever was open.
        if fault is not None and _may_be_open(raw):
            raise RefusedDelivery(path.name, first_line, _IN_DOUBT.format(fault))
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


def _may_be_open(text: str) -> bool:
    """Tell whether a quote is open behind a text, by any of two readings: each quote opens or closes; or only
    one at the beginning of a field does.
    """
    if text.count('"') % 2:
        return True
    lines = [f"{line}\n" for line in (*text.replace("\r", " ").split("\n"), "", "end")]
    try:
        *_, last = csv.reader(lines)
    except csv.Error:
        return True
    return last != ["end"]


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
