"""What both formats share: the shape of a record, the size of a batch, and the refusal of a file."""

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

CUSTOMER_FIELDS = ("customer_id", "customer_name", "mobile_number", "region")
ORDER_FIELDS = ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount")
BATCH_RECORDS = 65_536
BATCH_BYTES = 16_000_000  # of text: a batch of long records has fewer of them

# Named, because "not UTF-8" or "not well-formed" would not tell anybody what to do.
_SIGNATURES = {
    b"\x1f\x8b": "gzip-compressed",
    b"\x1f\x9d": "compressed (.Z)",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\xfd7zXZ\0": "xz-compressed",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"\x04\x22\x4d\x18": "lz4-compressed",
    b"Rar!\x1a\x07": "a rar archive",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"{\\rtf": "a Word document (RTF)",
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe\0\0": "in UTF-32",
    b"\0\0\xfe\xff": "in UTF-32",
}
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_LONGEST_WORD, _LONGEST_SHOWN = 60, 240

Record = tuple[Any, ...]  # in the order of `schema`


class RefusedDelivery(ValueError):
    """A file that cannot be trusted as a whole: `name`, `line` (None where it has none) and `cause`."""

    def __init__(self, name: str, line: int | None, cause: str) -> None:
        self.name, self.line, self.cause = name, line, cause
        super().__init__(f"{name}, line {line}: {cause}" if line else f"{name}: {cause}")


def refuse_other_formats(path: Path, stream: IO[bytes]) -> None:
    """Raise RefusedDelivery for a file that is empty or known by its first bytes; leave `stream` at 0."""
    head = stream.read(16)
    stream.seek(0)
    if not head:
        raise RefusedDelivery(path.name, None, "the file is empty (0 bytes)")
    what = next((what for signature, what in _SIGNATURES.items() if head.startswith(signature)), None)
    if what is None and _BZIP2.match(head):
        what = "bzip2-compressed"
    if what == "in UTF-32":
        raise RefusedDelivery(path.name, None, "the file is in UTF-32; save it as UTF-8")
    if what is not None:
        raise RefusedDelivery(path.name, None, f"the file is {what}; deliver it as plain {path.suffix}")


def shown(text: str) -> str:
    r"""Return text of a delivery as it stands in a message: clipped, in one line, nothing in it invisible.

    >>> shown("\ufeffcustomer_id"), shown("x" * 49_000)[55:]
    ('\\ufeffcustomer_id', 'xxxx…')
    """
    visible = "".join(map(_visible, text[: 10 * _LONGEST_SHOWN]))
    clipped = re.sub(rf"(\S{{{_LONGEST_WORD - 1}}})\S\S+", r"\1…", visible)
    return clipped if len(clipped) <= _LONGEST_SHOWN else clipped[: _LONGEST_SHOWN - 1] + "…"


def _visible(character: str) -> str:
    """Escape controls, format characters (bidi marks among them) and all spaces but the usual one."""
    hidden = character != " " and unicodedata.category(character)[0] in "CZ"
    return character.encode("unicode_escape").decode() if hidden else character


def schema(fields: Iterable[str]) -> pa.Schema:
    """Return the columns of a batch: `record`, the fields, `malformed`, `raw`."""
    text = [pa.field(name, pa.string()) for name in (*fields, "malformed", "raw")]
    return pa.schema([pa.field("record", pa.int64()), *text])


def batch(columns: Iterable[Any], shape: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, shape, strict=True)]
    return pa.record_batch(arrays, schema=shape)


def batches(records: Iterable[Record], shape: pa.Schema) -> Iterator[pa.RecordBatch]:
    for chunk in _chunks(records):
        yield batch(zip(*chunk, strict=True), shape)


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield lists of BATCH_RECORDS records, or of fewer where their text passes BATCH_BYTES in memory."""
    chunk, size = [], 0
    for record in records:
        chunk.append(record)
        # Not len(): a single emoji makes Python keep every letter of its string in four bytes.
        size += sys.getsizeof("".join(filter(None, record[1:])))
        if len(chunk) == BATCH_RECORDS or size > BATCH_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def evened(uneven: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join and cut batches so that all but the last have BATCH_RECORDS rows, or more than BATCH_BYTES."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for one in uneven:
        waiting.append(one)
        rows += one.num_rows
        if rows >= BATCH_RECORDS:
            # Combined first, as a table gives out no batch that crosses the bounds of its chunks.
            table = pa.Table.from_batches(waiting).combine_chunks()
            full = rows - rows % BATCH_RECORDS
            yield from table.slice(0, full).to_batches(max_chunksize=BATCH_RECORDS)
            waiting, rows = table.slice(full).to_batches(), rows - full
        elif sum(kept.nbytes for kept in waiting) > BATCH_BYTES:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.concat_batches(waiting)
