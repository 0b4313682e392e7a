"""Records as they were staged: found by an id or a number without reading all, where the file allows it."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akasa.trace.records import Record

FEW = 1_000  # so many ids are sought in parts of a file that may have them


def among(column: Any, wanted: Any, is_number: bool = False) -> Any:
    """Mark the texts that may have one of some ids or numbers; texts with other letters than ASCII may."""
    texts = pc.fill_null(column.cast(pa.string()), "")
    told = _last_digits(texts) if is_number else pc.utf8_trim_whitespace(texts)
    values = wanted if isinstance(wanted, pa.Array) else pa.array(list(wanted), pa.string())
    known = pc.is_in(told, value_set=values)
    return pc.or_(known, pc.invert(pc.string_is_ascii(texts)))


def _last_digits(texts: Any) -> Any:
    """Return numbers without what stands before their last ten digits; most have no more."""
    odd = pc.not_equal(pc.binary_length(texts), 10)
    if not pc.any(odd).as_py():
        return texts
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    odd = odd.combine_chunks() if isinstance(odd, pa.ChunkedArray) else odd
    digits = pc.replace_substring_regex(texts.filter(odd), "[^0-9]", "")
    return pc.replace_with_mask(texts, odd, pc.utf8_slice_codeunits(digits, -10))


NO_FIELD = ("record", "reasons", "detail", "raw", "malformed", "delivery", "sha256")


def rows(
    file: Path, column: str, wanted: Collection[str], clean: Callable[[str | None], str]
) -> Iterator[Record]:
    """Yield staged records by a column; parts of the file that cannot have a sought id stay shut."""
    opened, is_number = pq.ParquetFile(file), column == "mobile_number"
    values = pa.array(list(wanted), pa.string())
    for part in range(opened.num_row_groups):
        is_few = not is_number and len(wanted) <= FEW
        if is_few and not may_hold(statistics(opened, part, column), wanted):
            continue
        mask = among(opened.read_row_group(part, columns=[column])[column], values, is_number)
        if pc.any(mask).as_py():
            for row in opened.read_row_group(part).filter(mask).to_pylist():
                if clean(row[column]) in wanted:
                    yield of_row(row)


def statistics(opened: pq.ParquetFile, part: int, column: str) -> Any:
    place = opened.schema_arrow.get_field_index(column)
    return opened.metadata.row_group(part).column(place).statistics


def may_hold(statistics: Any, wanted: Collection[str]) -> bool:
    """Say whether a text with one of some ids may lie between the least and the greatest.

    What has spaces or other letters in front sorts before all ids, or behind them.
    """
    if statistics is None or not statistics.has_min_max:
        return True
    least, greatest = statistics.min, statistics.max
    odd = least[:1] <= " " or not greatest.isascii() or not least.isascii()
    return odd or any(least <= f"{one}\uffff" and one <= greatest for one in wanted)


def of_row(row: dict[str, Any]) -> Record:
    fields = {name: value for name, value in row.items() if name not in NO_FIELD}
    raw = row["raw"] or " · ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
    return Record(row["record"], None, raw, fields)
