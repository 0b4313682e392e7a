"""A staged delivery's records in parts that can be judged one by one: all lines of an order stand in one.

Parts ascend by id, so that what is accepted of each stands behind what was accepted of the part before. Where
a part begins follows from a sample of the ids; what becomes of a record does not.
"""

from collections.abc import Sequence
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
    bounds = bounds_of(opened, id_, MOST_PARTS)
    made = [room.folder / f"{staged.stem}.{part}.arrow" for part in range(len(bounds) + 1)]
    with ExitStack() as stack:
        writers = [stack.enter_context(rows.writer(file, opened.schema_arrow)) for file in made]
        for batch in opened.iter_batches(_BATCH_ROWS):
            part = numbers(batch[id_], bounds)
            for number in np.unique(part):
                writers[number].write(batch.filter(pa.array(part == number)))
    return made


def read(file: Path) -> pa.Table:
    """Return the records of a part."""
    empty = pa.ipc.open_file(str(file)).schema.empty_table()
    return pa.concat_tables([empty, *rows.read(file)]).combine_chunks()


def bounds_of(opened: pq.ParquetFile, id_: str, most: int) -> list[str]:
    """Return the least id of each part but the first, of so many parts at the most."""
    count = opened.metadata.num_rows
    every = max(1, count // _SAMPLED)
    sampled = [
        cleaning.ids(batch[id_]).take(np.arange(0, batch.num_rows, every))
        for batch in opened.iter_batches(_BATCH_ROWS, columns=[id_])
    ]
    ids = pc.drop_null(pa.chunked_array(sampled, pa.string())).combine_chunks()
    ids = ids.take(pc.sort_indices(ids))
    parts = min(-(-count // rows.PART_ROWS), most)
    places = [len(ids) * part // parts for part in range(1, parts)] if len(ids) else []
    return sorted(set(ids.take(pa.array(places, pa.int64())).to_pylist()))


def numbers(texts: pa.Array, bounds: Sequence[str]) -> np.ndarray:
    """Return the number of each record's part, by its id as it came: that of the last bound not beyond it."""
    ids = cleaning.ids(texts)
    return np.asarray(pc.search_sorted(pa.array(bounds, pa.string()), ids, side="right").fill_null(0))
