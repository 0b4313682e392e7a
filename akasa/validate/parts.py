"""A staged delivery's records in parts that can be judged one by one: all lines of an order stand in one.

Parts ascend by id, so that what is accepted of each stands behind what was accepted of the part before. Where
a part begins follows from a sample of the ids; what becomes of a record does not.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.validate import cleaning
from akasa.workspace import rows
from akasa.workspace.rows import Room
from akasa.workspace.tables import KEYS

MOST_PARTS = 250  # each is an open file while records are parted
_SAMPLED = 50_000
_BATCH_ROWS = 65_536


def split(kind: str, staged: Path, room: Room) -> list[Path]:
    """Write a delivery's records to files of about rows.PART_ROWS, in the order in which they came.

    Records without an id stand in the first one.
    """
    opened, id_ = pq.ParquetFile(staged), KEYS[kind][0]
    bounds = _bounds(opened, id_)
    made = [room.folder / f"{staged.stem}.{part}.arrow" for part in range(len(bounds) + 1)]
    with ExitStack() as stack:
        writers = [stack.enter_context(rows.writer(file, opened.schema_arrow)) for file in made]
        for batch in opened.iter_batches(_BATCH_ROWS):
            part = _part(cleaning.ids(batch[id_]), bounds)
            for number in np.unique(part):
                writers[number].write(batch.filter(pa.array(part == number)))
    return made


def read(file: Path) -> pa.Table:
    """Return the records of a part."""
    empty = pa.ipc.open_file(str(file)).schema.empty_table()
    return pa.concat_tables([empty, *rows.read(file)]).combine_chunks()


def _bounds(opened: pq.ParquetFile, id_: str) -> list[str]:
    """Return the least id of each part but the first."""
    count = opened.metadata.num_rows
    every = max(1, count // _SAMPLED)
    sampled = [
        cleaning.ids(batch[id_]).take(np.arange(0, batch.num_rows, every))
        for batch in opened.iter_batches(_BATCH_ROWS, columns=[id_])
    ]
    ids = pc.drop_null(pa.chunked_array(sampled, pa.string())).combine_chunks()
    ids = ids.take(pc.sort_indices(ids))
    parts = min(-(-count // rows.PART_ROWS), MOST_PARTS)
    places = [len(ids) * part // parts for part in range(1, parts)] if len(ids) else []
    return sorted(set(ids.take(places).to_pylist()))


def _part(ids: pa.Array, bounds: list[str]) -> np.ndarray:
    """Return the number of each id's part: that of the last bound which is not beyond it."""
    found = np.zeros(len(ids), np.int32)
    for bound in bounds:
        found += np.asarray(pc.greater_equal(ids, bound).fill_null(False))
    return found
