"""What a worker of a cluster does for a large delivery's judging: it reads files, writes files, and counts.

Names of files follow from the work: what a lost worker wrote is written again, the same to the byte.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from akasa.validate import one_part, parts, profiles, rules
from akasa.validate.one_part import Terms, Told
from akasa.validate.profiling import Looked
from akasa.workspace import workers
from akasa.workspace.shelves import Shelf
from akasa.workspace.tables import KEYS

SHARES = 16  # of customers' numbers, so that a task holds one of them
BOUNDS = "bounds.arrow"


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
    workers.require_alike(made_by, versions())
    return STEPS[step](Shelf(*shelf), Terms(*terms), *work)


def versions() -> dict[str, str]:
    """Return what decides about a record: the rules, akasa's code, the libraries."""
    return {"rules": str(rules.RULES_VERSION), **workers.versions()}


def _records(shelf: Shelf, part: int, pieces: Sequence[str]) -> pa.Table:
    """Return a part's records from all pieces, in the order in which they came."""
    return pa.concat_tables([shelf.read(one, [part]) for one in pieces]).combine_chunks()


def _cut(by_number: pa.Table, number: np.ndarray, count: int) -> Iterable[pa.Table]:
    """Yield the rows of each number, which are in its order."""
    ends = np.cumsum(np.bincount(number, minlength=count)).tolist()
    return (by_number.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False))
