"""What a worker of a cluster does for a publish: it writes some of the warehouse's files.

Nobody sees them before the report's own process commits them. What a lost worker wrote is written again, to
another file; of the first one, the next publish clears the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import deltalake
import pyarrow as pa
from deltalake.transaction import AddAction
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from akasa.publish import warehouse_files
from akasa.publish.warehouse_files import Piece
from akasa.workspace import workers
from akasa.workspace.failpoints import reached
from akasa.workspace.shelves import Shelf

ROWS, LEAVING = "rows.arrow", "leaving.arrow"


class Share(NamedTuple):
    """Rows of a month in a part of those on the shelf: from the `first` one on, before that `beyond`."""

    part: int
    first: int
    beyond: int


def write(
    shelf: Shelf, files: SubTreeFileSystem, keys: Sequence[str], piece: Piece, shares: Sequence[Share]
) -> list[AddAction]:
    """Write a piece of a table with its shares of the rows that come."""
    leaving = shelf.read(LEAVING)[keys[0]]
    coming = list(_coming(shelf, piece.month, shares))
    reached(f"before writing {piece.month}")
    added = warehouse_files.put_together(files, keys, piece, coming, leaving)
    if isinstance(files.base_fs, LocalFileSystem):
        for one in added:  # here, not by the umask, which is that of all threads
            Path(files.base_path, one.path).chmod(0o600)
    reached(f"after writing {piece.month}")
    return added


STEPS = {write.__name__: write}


def run(
    step: str,
    made_by: Mapping[str, str],
    shelf: Sequence[Any],
    files: SubTreeFileSystem,
    keys: Sequence[str],
    piece: Sequence[Any],
    shares: Sequence[Sequence[int]],
) -> list[AddAction]:
    """Do the work. Raises ImportError where other code, or other libraries, would do it here."""
    workers.require_alike(made_by, versions())
    return STEPS[step](Shelf(*shelf), files, keys, Piece(*piece), [Share(*one) for one in shares])


def versions() -> dict[str, str]:
    """Return what decides about a file: akasa's code, the libraries."""
    return {**workers.versions(), "deltalake": deltalake.__version__}


def _coming(shelf: Shelf, month: str | None, shares: Sequence[Share]) -> Iterator[pa.Table]:
    for share in shares:
        rows = warehouse_files.of_month(shelf.read(ROWS, [share.part]), month)
        yield rows.slice(share.first, share.beyond - share.first)
