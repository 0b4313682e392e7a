"""Read a delivery's file into a Parquet file of its raw records, the same to the byte wherever it is done."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from akasa.ingest import deliveries, readers
from akasa.ingest.deliveries import Delivery
from akasa.ingest.readers import RefusedDelivery
from akasa.workspace.tables import REPEATING

READERS = {"customers": readers.read_customers, "orders": readers.read_orders}
_AS_FILE: dict[str, Any] = {"compression": "zstd", "use_dictionary": REPEATING}
_UNKNOWN = b"akasa.unknown"
_VERSION = b"akasa.reader_version"

Progress = Callable[[str], None]


def write(delivery: Delivery, file: Path, staged: Path, tell: Progress) -> None:
    """Write the records of a delivery that lies in `file`, and what was ignored there.

    Raises RefusedDelivery for a file that cannot be trusted as a whole, or is not what the delivery is.
    """
    unknown: Counter[str] = Counter()
    batches = READERS[delivery.kind](file, unknown)
    with pq.ParquetWriter(staged, batches.schema, **_AS_FILE) as writer:
        for batch in _told(batches, delivery.name, tell):
            writer.write_batch(batch)
        writer.add_key_value_metadata(_metadata(unknown))
    # A feed may still have been writing: what was staged must be the bytes that the ledger will name.
    if deliveries.sha256(file) != delivery.sha256:
        cause = "changed while it was read; deliver under a temporary name (*.part) and rename it when whole"
        raise RefusedDelivery(delivery.name, None, cause)


def write_part(records: pa.Table, staged: Path) -> None:
    """Write a part of a delivery's records as `write` does."""
    metadata = {**(records.schema.metadata or {}), **_metadata(Counter())}
    pq.write_table(records.replace_schema_metadata(metadata), staged, **_AS_FILE)


def footer(staged: Path) -> Any:
    """Return the footer of a staged file; None where it is absent, damaged, or of another reader version."""
    try:
        found = pq.read_metadata(staged)
    except (OSError, pa.ArrowInvalid):
        return None
    return found if (found.metadata or {}).get(_VERSION) == _version() else None


def unknown(footer: Any) -> dict[str, int]:
    """Return what was ignored of a delivery, and how often, by the footer of its staged file."""
    found: dict[str, int] = json.loads(footer.metadata[_UNKNOWN])
    return found


def _metadata(unknown: Counter[str]) -> dict[bytes, bytes]:
    return {_UNKNOWN: json.dumps(dict(sorted(unknown.items()))).encode(), _VERSION: _version()}


def _version() -> bytes:
    return str(readers.READER_VERSION).encode()


def _told(batches: pa.RecordBatchReader, name: str, tell: Progress) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        done += batch.num_rows
        tell(f"{name}: {done:,} records read")
        yield batch
