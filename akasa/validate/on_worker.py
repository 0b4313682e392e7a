"""What a worker of a cluster does for a large delivery's judging: it reads files, writes files, and counts.

Names of files follow from the work. Each is written under a private name and then renamed: one that is there
is whole, and what a lost worker wrote is written again, the same to the byte.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem

from akasa.validate import one_part, parts, profiles, rules
from akasa.validate.one_part import Terms, Told
from akasa.validate.profiling import Looked
from akasa.workspace.failpoints import reached
from akasa.workspace.tables import KEYS

SHARES = 16  # of customers' numbers, so that a task holds one of them
BOUNDS = "bounds.arrow"


class Shelf(NamedTuple):
    """A folder for files of the work: below DATA_DIR, on a disk that all workers share, or in a bucket."""

    file_system: FileSystem
    folder: str

    def read(self, name: str, batches: Sequence[int] | None = None) -> pa.Table:
        """Return all batches of a file, or some of them."""
        with self.file_system.open_input_file(f"{self.folder}/{name}") as stream:
            opened = pa.ipc.open_file(stream)
            wanted = range(opened.num_record_batches) if batches is None else batches
            return pa.Table.from_batches(map(opened.get_batch, wanted), opened.schema)

    def write(self, name: str, shape: pa.Schema, batches: Iterable[pa.Table]) -> str:
        """Write a file, a batch for each table, and return its name."""
        file, private = f"{self.folder}/{name}", f"{self.folder}/{uuid.uuid4().hex}.part"
        packed = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            self.file_system.open_output_stream(private) as stream,
            pa.ipc.new_file(stream, shape, options=packed) as writer,
        ):
            for table in batches:
                writer.write_batch(_as_one(table))
        reached(f"before renaming {name}")
        self.file_system.move(private, file)
        return name


def apart(shelf: Shelf, terms: Terms, staged: str, piece: int, groups: Sequence[int]) -> str:
    """Write a piece of the staged records, some groups of rows, a batch for each part."""
    bounds = shelf.read(BOUNDS)["id"].to_pylist()
    with shelf.file_system.open_input_file(staged) as stream:
        records = pq.ParquetFile(stream).read_row_groups(groups).combine_chunks()
    number = parts.numbers(records[KEYS[terms.kind][0]], bounds)
    by_part = records.take(np.argsort(number, kind="stable"))
    return shelf.write(f"piece-{piece}.arrow", records.schema, _cut(by_part, number, len(bounds) + 1))


def claim(shelf: Shelf, terms: Terms, part: int, pieces: Sequence[str]) -> str:
    """Write the numbers that a part's customers claim, a batch for each share of them."""
    claims = pa.table({"mobile": one_part.claimed(terms, _records(shelf, part, pieces))})
    share = claims["mobile"].cast(pa.int64()).to_numpy() % SHARES
    by_share = claims.take(np.argsort(share, kind="stable"))
    return shelf.write(f"claims-{part}.arrow", claims.schema, _cut(by_share, share, SHARES))


def share(shelf: Shelf, _: Terms, number: int, claims: Sequence[str]) -> str:
    """Write those of a share of the claimed numbers that customers of several parts claim."""
    of_parts = [shelf.read(one, [number])["mobile"].combine_chunks() for one in claims]
    found = pa.table({"mobile": one_part.shared(of_parts)})
    return shelf.write(f"shared-{number}.arrow", found.schema, [found])


def judge(shelf: Shelf, terms: Terms, part: int, pieces: Sequence[str], shared: Sequence[str]) -> Told:
    """Judge a part, write what becomes of its records, and return what is counted, without them."""
    claims = [shelf.read(one)["mobile"] for one in shared]
    several = pa.concat_arrays([chunk for one in claims for chunk in one.chunks]) if claims else None
    found = one_part.judge(terms, _records(shelf, part, pieces), several)
    for name, table in (("accepted", found.accepted), ("rejected", found.rejected)):
        shelf.write(f"{name}-{part}.arrow", table.schema, [table])
    return found.told


def look(shelf: Shelf, _: Terms, staged: str, field: str) -> Looked:
    """Look at the texts of a field, for the profile."""
    with shelf.file_system.open_input_file(staged) as stream:
        return profiles.look(stream, field)


STEPS = {one.__name__: one for one in (apart, claim, share, judge, look)}


def run(step: str, made_by: Mapping[str, str], shelf: Sequence[Any], terms: Sequence[Any], *work: Any) -> Any:
    """Do a step of the work. Raises ImportError where other code, or other libraries, would do it here."""
    here = versions()
    unlike = [
        f"{what} {here[what]} and not {wanted}" for what, wanted in made_by.items() if here[what] != wanted
    ]
    if unlike:
        raise ImportError(f"has {', '.join(unlike)}")
    return STEPS[step](Shelf(*shelf), Terms(*terms), *work)


@cache
def versions() -> dict[str, str]:
    """Return what decides about a record: the rules, akasa's code for reading and judging, the libraries."""
    akasa, code = Path(rules.__file__).parent.parent, hashlib.sha256()
    for folder in ("validate", "ingest/readers", "workspace"):
        for file in sorted((akasa / folder).glob("*.py")):
            code.update(file.read_bytes())
    return {
        "rules": str(rules.RULES_VERSION),
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
        "akasa's code of SHA-256": code.hexdigest()[:12],
    }


def _records(shelf: Shelf, part: int, pieces: Sequence[str]) -> pa.Table:
    """Return a part's records from all pieces, in the order in which they came."""
    return pa.concat_tables([shelf.read(one, [part]) for one in pieces]).combine_chunks()


def _cut(by_number: pa.Table, number: np.ndarray, count: int) -> Iterable[pa.Table]:
    """Yield the rows of each number, which are in its order."""
    ends = np.cumsum(np.bincount(number, minlength=count)).tolist()
    return (by_number.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False))


def _as_one(table: pa.Table) -> pa.RecordBatch:
    found = table.combine_chunks().to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], table.schema)
