"""A delivery's judged records in files: accepted ones in the order of their keys, rejected ones as they came.

The files are the same to the byte, whether a delivery was judged whole or in parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from akasa.ingest.readers import CUSTOMER_FIELDS, ORDER_FIELDS
from akasa.validate.rules import Counted
from akasa.workspace import rows
from akasa.workspace.rows import Room
from akasa.workspace.tables import CUSTOMER_ROW, KEYS, line_types

TABLES = ("accepted", "rejected")
SORTED_BY: Mapping[str, tuple[str, ...]] = {"customers": KEYS["customers"], "orders": KEYS["order_items"]}
_TYPES: Mapping[str, Mapping[str, str]] = {
    "customers": dict.fromkeys(CUSTOMER_ROW, "str"),
    "orders": line_types(),
}
_FIELDS = {"customers": CUSTOMER_FIELDS, "orders": ORDER_FIELDS}
GROUP_ROWS = 65_536
REJECTED_AT_ONCE = 16_384
_IN_ORDER = b"akasa.in_order"


@dataclass(frozen=True)
class Kept(Counted):
    """A delivery's records parted, in the files of a folder: a frame is read whenever it is asked for."""

    folder: Path
    accepted_count: int
    rejected_count: int
    repeats: int
    warnings: dict[str, int]
    more_lines: int = 0
    more_rejected: int = 0
    revenue_paise: int | None = None
    room: Room | None = field(default=None, repr=False)

    @property
    def accepted(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "accepted.parquet")

    @property
    def rejected(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "rejected.parquet")

    def rejected_parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rejected records, some at a time."""
        for batch in pq.ParquetFile(self.folder / "rejected.parquet").iter_batches(REJECTED_AT_ONCE):
            yield batch.to_pandas()


class Writer:
    """Writes accepted records to a file, in groups of one size; keys ascend from part to part."""

    def __init__(self, kind: str, file: Path) -> None:
        self._writer = pq.ParquetWriter(file, _shape(_TYPES[kind]))
        self._waiting = _shape(_TYPES[kind]).empty_table()

    def add(self, accepted: pa.Table) -> None:
        """Add a part's accepted records, as `in_order` gives them."""
        rows = pa.concat_tables([self._waiting, accepted])
        full = len(rows) - len(rows) % GROUP_ROWS
        self._write(rows[:full])
        self._waiting = rows[full:].combine_chunks()

    def close(self) -> None:
        self._write(self._waiting)
        self._writer.add_key_value_metadata({_IN_ORDER: b"1"})
        self._writer.close()

    def _write(self, rows: pa.Table) -> None:
        for start in range(0, len(rows), GROUP_ROWS):
            self._writer.write_table(rows[start : start + GROUP_ROWS].combine_chunks())


def in_order(kind: str, accepted: pd.DataFrame) -> pa.Table:
    """Return accepted records in the order of their keys."""
    shape = _shape(_TYPES[kind])
    rows = pa.Table.from_pandas(accepted.astype(_TYPES[kind])[shape.names], shape, preserve_index=False)
    return rows.sort_by([(key, "ascending") for key in SORTED_BY[kind]])


def write_accepted(kind: str, accepted: pd.DataFrame, file: Path) -> None:
    """Write the accepted records of a delivery that was judged whole."""
    writer = Writer(kind, file)
    writer.add(in_order(kind, accepted))
    writer.close()


def of_rejected(kind: str, rejected: pd.DataFrame) -> pa.Table:
    """Return rejected records as they are kept."""
    shape = _shape({"record": "int64"} | dict.fromkeys(("reasons", "detail", *_FIELDS[kind], "raw"), "str"))
    return (
        pa.Table.from_pandas(rejected, shape, preserve_index=False) if len(rejected) else shape.empty_table()
    )


def write_rejected(parts: Sequence[pa.Table], file: Path) -> None:
    """Write the rejected records of all parts, in the order in which they came."""
    pq.write_table(pa.concat_tables(parts).sort_by("record"), file)


def is_in_order(file: Path) -> bool:
    """Say whether accepted records are in the order of their keys: older ones are as they came."""
    return _IN_ORDER in (pq.read_metadata(file).metadata or {})


def readable(file: Path) -> int:
    """Return how many rows a file has. Raises OSError or ValueError where it is damaged, if it has many."""
    found = pq.ParquetFile(file)
    if found.metadata.num_rows > rows.PART_ROWS:  # fewer are read at once, and not later
        for _ in found.iter_batches():
            pass
    return int(found.metadata.num_rows)


def _shape(types: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema of a frame, so that the same one is read from its file."""
    return pa.Schema.from_pandas(pd.DataFrame(columns=list(types)).astype(types), preserve_index=False)
