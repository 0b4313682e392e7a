"""Of many deliveries' records the latest versions, one range of ids after the other.

Accepted records stand in files in the order of their ids, and footers tell which part of a file holds which:
so what all deliveries say of a range is read at once, and what is to be published of it is known.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.publish import versions
from akasa.stores import warehouse
from akasa.validate import kept
from akasa.validate.kept import Kept
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged
from akasa.workspace import rows
from akasa.workspace.rows import Room, Rows, Table
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS

Group = tuple[str, str, int]  # of a file's rows: the least id, the greatest, how many rows

TABLES_OF = {"customers": ("customers",), "orders": ("orders", "order_items")}


def weighed(settings: Settings, judged: Sequence[Judged]) -> dict[str, Table]:
    """Return customers, orders and order_items as `versions.latest` does; where records are in files, too."""
    if not _are_many(judged):
        return dict(versions.latest(judged, settings.amount_is))
    room = Room(settings)
    found: dict[str, Table] = {}
    for kind, names in TABLES_OF.items():
        of_kind = [one for one in judged if one.delivery.kind == kind]
        found |= dict(zip(names, _written(settings, room, names, ranges(of_kind, room)), strict=True))
    return found


def by_ids(
    settings: Settings, judged: Sequence[Judged], columns: Sequence[str]
) -> Iterable[Sequence[Judged]]:
    """Return deliveries of one kind with some columns of what they accepted: at once, or by ranges."""
    return ranges(judged, Room(settings), columns) if _are_many(judged) else [judged]


def ranges(
    judged: Sequence[Judged], room: Room, columns: Sequence[str] | None = None
) -> Iterator[list[Judged]]:
    """Yield deliveries of one kind with what they accepted of a range of ids, range after range.

    All of an id's records are in one range; `columns` are those to read, if not all.
    """
    files = [_in_order(one, room) for one in judged]
    sources = [(one, file, _groups(file)) for one, file in zip(judged, files, strict=True)]
    bounds = _bounds(group for _, _, groups in sources for group in groups)
    for least, beyond in pairwise((None, *bounds, None)) if sources else ():
        within = [(one, _between(file, groups, least, beyond, columns)) for one, file, groups in sources]
        yield [
            replace(one, records=Parted(found, pd.DataFrame(), 0, {})) for one, found in within if len(found)
        ]


def _are_many(judged: Sequence[Judged]) -> bool:
    """Say whether records are in files, because they are too many."""
    return any(isinstance(one.records, Kept) for one in judged)


def _written(
    settings: Settings, room: Room, names: Sequence[str], parts: Iterable[Sequence[Judged]]
) -> list[Rows]:
    """Write what is latest of each part to a file for each table."""
    files = [room.folder / f"{name}.arrow" for name in names]
    counts = [0] * len(names)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(rows.writer(file, warehouse.SCHEMAS[name]))
            for name, file in zip(names, files, strict=True)
        ]
        for latest in rows.at_once(partial(_latest, settings.amount_is, names), parts):
            for place, table in enumerate(latest):
                writers[place].write_table(table)
                counts[place] += len(table)
            rows.give_back()
    made = zip(names, files, counts, strict=True)
    return [Rows(file, count, partial(versions.typed, name), room) for name, file, count in made]


def _latest(amount_is: str, names: Sequence[str], part: Sequence[Judged]) -> list[pa.Table]:
    """Return what is latest of a part, for each table in the order of its keys."""
    latest = versions.with_month(versions.latest(part, amount_is))
    return [_in_key_order(name, latest[name]) for name in names]


def _in_key_order(name: str, latest: pd.DataFrame) -> pa.Table:
    shape = warehouse.SCHEMAS[name]
    table = pa.Table.from_pandas(latest[shape.names], shape, preserve_index=False)
    return table.sort_by([(key, "ascending") for key in KEYS[name]]).combine_chunks()


def _in_order(one: Judged, room: Room) -> Path:
    """Return a file of a delivery's accepted records in the order of their ids."""
    if isinstance(one.records, Kept):
        file = one.records.folder / "accepted.parquet"
        if kept.is_in_order(file):
            return file
    file = room.folder / f"{one.delivery.kind}-{one.delivery.sha256}.{id(one)}.parquet"
    kept.write_accepted(one.delivery.kind, one.records.accepted, file)
    return file


def _groups(file: Path) -> list[Group]:
    """Return the least and the greatest id of each group of rows of a file, and how many rows it has."""
    footer = pq.read_metadata(file)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    return [(*_ends(group), group.num_rows) for group in groups]


def _ends(group: Any) -> tuple[str, str]:
    told = group.column(0).statistics
    return told.min, told.max


def _bounds(groups: Iterable[Group]) -> list[str]:
    """Return ids at which to cut, so that about rows.PART_ROWS records lie between two of them."""
    bounds, held, last = list[str](), 0, ""
    for least, _, count in sorted(groups):
        if held and held + count > rows.PART_ROWS and least > last:
            bounds.append(least)
            held, last = 0, least
        held += count
    return bounds


def _between(
    file: Path, groups: Sequence[Group], least: str | None, beyond: str | None, columns: Sequence[str] | None
) -> pd.DataFrame:
    """Return a file's records with ids from `least` on, and before `beyond`."""
    wanted = [
        number
        for number, (first, last, _) in enumerate(groups)
        if (least is None or last >= least) and (beyond is None or first < beyond)
    ]
    found = pq.ParquetFile(file).read_row_groups(wanted, columns)
    found = found if least is None else found.filter(pc.greater_equal(found.column(0), least))
    found = found if beyond is None else found.filter(pc.less(found.column(0), beyond))
    return found.to_pandas()
