"""Take a repair apart: one delivery for each of those that its records mend.

An order, or a customer, goes with all its records to the latest of the places that they name. Records without
a mark whose order has none stay a delivery of the file's own name.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from akasa.ingest import deliveries, repairs, staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.readers import RefusedDelivery, customers_csv, marks
from akasa.ingest.repairs import Mark
from akasa.ingest.staging import Staged
from akasa.workspace import files

_READ: dict[str, Callable[[Path], Iterator[tuple[int, str]]]] = {
    "customers": customers_csv.read_marks,
    "orders": marks.of_orders,
}
_KEYS = {"customers": "customer_id", "orders": "order_id"}


@dataclass(frozen=True)
class Part:
    """What a file has for one delivery: its name there, its SHA-256, its records' marks by their numbers."""

    name: str
    sha256: str
    records: int
    marks: dict[int, Mark]


def parts(delivery: Delivery, whole: Staged, folder: Path) -> list[Staged]:
    """Return the deliveries that a file is, after it was staged: itself, where none of its records is marked.

    Raises RefusedDelivery for a mark that names no record, or names that are too long together.
    """
    if repairs.FIELD not in whole.unknown or delivery.rank == 0:
        return [whole]
    found = known(folder, whole.kind, whole.sha256)
    if found is None or not all(staging.is_there(folder, whole.kind, one.sha256) for one in found):
        found = _take_apart(delivery, whole, folder)
    unknown = {what: count for what, count in whole.unknown.items() if what != repairs.FIELD}
    here = [replace(one, name=renamed(one.name, _file(one.name), delivery.name)) for one in found]
    return [_staged(one, whole, {} if place else unknown) for place, one in enumerate(here)]


def renamed(part: str, file: str, other: str) -> str:
    """Return the name of a file's part under another name of the same bytes.

    Raises RefusedDelivery where that is too long.

    >>> renamed("incoming/a.xml/orders.xml", "incoming/a.xml", "incoming/b.xml")
    'incoming/b.xml/orders.xml'
    """
    found = other + part.removeprefix(file)
    if len(found) > repairs.LONGEST_NAME:
        raise RefusedDelivery(other, None, "its name is too long for a repair: call it repair")
    return found


def digest(sha256: str, part: str) -> str:
    """Return what a part of a file is known by: from the bytes of the file and what it repairs."""
    repaired = part.partition("/")[2].partition("/")[2]
    return hashlib.sha256(f"{sha256}/{repaired}".encode()).hexdigest()


def warned(
    found: deliveries.Found, parts: Mapping[tuple[str, str], Sequence[Part | Staged]]
) -> tuple[str, ...]:
    """Return what was passed over; a file whose records all say what they repair needs no day in its name."""
    needless = {
        deliveries.undated(one.name)
        for one in found.deliveries
        if parts.get(one.key) and all(repairs.repaired(part.name) for part in parts[one.key])
    }
    return tuple(warning for warning in found.warnings if warning not in needless)


def known(folder: Path, kind: str, sha256: str) -> list[Part] | None:
    """Return the parts of a file that was taken apart; None where it was not, or is no repair."""
    try:
        return _read(_index(folder, kind, sha256))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def every(folder: Path) -> Iterator[tuple[str, Part]]:
    """Yield the kind and each part of all files that were taken apart."""
    for file in sorted((folder / repairs.FOLDER).glob("*.json")):
        kind, _, sha256 = file.stem.partition("-")
        yield from ((kind, one) for one in known(folder, kind, sha256) or ())


def _take_apart(delivery: Delivery, whole: Staged, folder: Path) -> list[Part]:
    with delivery.opened() as file:
        texts = dict(_READ[whole.kind](file))
        if deliveries.sha256(file) != whole.sha256:
            raise RefusedDelivery(delivery.name, None, "changed while it was read")
    found = {record: _mark(delivery.name, record, text) for record, text in texts.items()}
    records = staging.read(folder, whole.kind, whole.sha256)
    names = _names(delivery, records, found)
    made = []
    for name in sorted(set(names)):
        chosen = [one == name for one in names]
        mine = records.filter(pa.array(chosen))
        of_part = {record: found[record] for record in mine["record"].to_pylist() if record in found}
        sha256 = whole.sha256 if all(chosen) else digest(whole.sha256, name)
        made.append(Part(name, sha256, len(mine), of_part))
        if not all(chosen):
            staging.write_records(staging.path(folder, whole.kind, made[-1].sha256), mine)
    with files.private():
        files.write_text(_index(folder, whole.kind, whole.sha256), json.dumps([_told(one) for one in made]))
    return made


def _mark(name: str, record: int, text: str) -> Mark:
    found = repairs.mark(text)
    if found is None:
        cause = f"record {record}: {repairs.FIELD} says {text!r}, which names no record; leave it as exported"
        raise RefusedDelivery(name, None, cause)
    return found


def _names(delivery: Delivery, records: pa.Table, found: dict[int, Mark]) -> list[str]:
    """Return for each record the name of the part that it belongs to."""
    own = [_name(delivery, found.get(record)) for record in records["record"].to_pylist()]
    keys = [(key or "").strip() for key in records[_KEYS[delivery.kind]].to_pylist()]
    last: dict[str, str] = {}
    for key, name in zip(keys, own, strict=True):
        if name != delivery.name:
            last[key] = max(name, last.get(key, name), key=lambda one: _place(one, delivery))
    return [last.get(key, name) if key else name for key, name in zip(keys, own, strict=True)]


def _name(delivery: Delivery, mark: Mark | None) -> str:
    if mark is None:
        return delivery.name
    return renamed(repairs.name(delivery.name, mark.name, mark.revision), delivery.name, delivery.name)


def _file(part: str) -> str:
    """Return the name that a file had when it was taken apart."""
    repair = repairs.repaired(part)
    return repair.file if repair else part


def _place(name: str, delivery: Delivery) -> str:
    return deliveries.position_of(name, delivery.kind, 0)


def _staged(part: Part, whole: Staged, unknown: dict[str, int]) -> Staged:
    day = deliveries.date_in_name(part.name)
    return replace(
        whole,
        name=part.name,
        sha256=part.sha256,
        rank=deliveries.rank(part.name),
        date=day.isoformat() if day else None,
        records=part.records,
        unknown=unknown,
    )


def _index(folder: Path, kind: str, sha256: str) -> Path:
    return folder / repairs.FOLDER / f"{kind}-{sha256}.json"


def _told(part: Part) -> dict[str, object]:
    marked = {str(record): str(mark) for record, mark in part.marks.items()}
    return {"name": part.name, "sha256": part.sha256, "records": part.records, "marks": marked}


def _read(index: Path) -> list[Part]:
    found = json.loads(index.read_text("utf-8"))
    return [
        Part(one["name"], one["sha256"], one["records"], {int(n): _kept(m) for n, m in one["marks"].items()})
        for one in found
    ]


def _kept(text: str) -> Mark:
    found = repairs.mark(text)
    if found is None:
        raise ValueError(text)
    return found
