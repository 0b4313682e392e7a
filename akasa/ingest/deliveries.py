"""Find deliveries, put them in order, and know them by the SHA-256 of their bytes."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from akasa.workspace.settings import Settings

Kind = Literal["customers", "orders"]

KINDS: dict[str, Kind] = {".csv": "customers", ".xml": "orders"}
_DATE = re.compile(r"(?<!\d)(\d{4})(?:-(\d{2})-(\d{2})|(\d{2})(\d{2}))(?!\d)", re.ASCII)
_LINK = "is a symbolic link, not a delivery: put the file itself there"


@dataclass(frozen=True)
class Delivery:
    """One immutable file: where it lies, what it holds, and its place in the order of deliveries.

    `name` is relative to the data folder; `date` is the one in the file name, if any;
    `rank` is 0 for the two base files, 1 for a dated file in the incoming folder, 2 for an undated one.
    """

    path: Path
    name: str
    kind: Kind
    sha256: str
    rank: int
    date: date | None


@dataclass(frozen=True)
class Found:
    """What lies in the drop folders: deliveries in their order, and a warning for each thing passed over."""

    deliveries: tuple[Delivery, ...]
    warnings: tuple[str, ...]


def date_in_name(name: str) -> date | None:
    """Return the first real date written `YYYY-MM-DD` or `YYYYMMDD` in a file name.

    >>> date_in_name("orders_20251112.xml")
    datetime.date(2025, 11, 12)
    >>> date_in_name("orders_20251399.xml") is None
    True
    """
    for match in _DATE.finditer(name):
        year, *rest = (int(part) for part in match.groups() if part)
        try:
            return date(year, *rest)
        except ValueError:
            continue
    return None


def position(rank: int, day: str | None, name: str, revision: int) -> str:
    """Return a text whose order is the order of deliveries; of one name, a later revision comes later.

    The parts are joined by a tab, which sorts before every character of an ordinary name.
    """
    return "\t".join((str(rank), day or "" if rank else "", name, f"{revision:06d}"))


def revision(position: str) -> int:
    return int(position.rpartition("\t")[2])


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find(settings: Settings) -> Found:
    """Return every delivery in order (base files, dated, undated; then by name) and what was passed over.

    Raises FileNotFoundError when a base file or the folder that was named in the settings is not there,
    or when there is no delivery at all.
    """
    if settings.incoming_dir and not settings.incoming.is_dir():
        raise FileNotFoundError(
            f"{settings.incoming} is not a folder that is there: mend INCOMING_DIR, or make the folder"
        )
    warnings: list[str] = []
    base, incoming = _base(settings, warnings), []
    for path in sorted(settings.incoming.iterdir()) if settings.incoming.exists() else []:
        reason = _passed_over(path)
        if reason is None:
            rank = 1 if date_in_name(path.name) else 2
            incoming.append(_delivery(path, f"incoming/{path.name}", rank, KINDS[path.suffix.lower()]))
        elif reason:
            warnings.append(f"incoming/{path.name} {reason}")
    if not base and not incoming:
        raise FileNotFoundError(
            f"no delivery found: put {settings.customers_csv.name} and {settings.orders_xml.name} into "
            f"{settings.customers_csv.parent}, or dated files into {settings.incoming}"
        )
    return Found(tuple(sorted(base + incoming, key=_place)), tuple(warnings))


def repeats(deliveries: Iterable[Delivery]) -> dict[str, list[str]]:
    """Return sha256 → the names beyond the first, in delivery order, under which the same bytes lie."""
    names: dict[str, list[str]] = {}
    for delivery in deliveries:
        names.setdefault(delivery.sha256, []).append(delivery.name)
    return {digest: rest for digest, (_, *rest) in names.items() if rest}


def _place(delivery: Delivery) -> str:
    day = delivery.date.isoformat() if delivery.date else None
    return position(delivery.rank, day, delivery.name, 0)


def _base(settings: Settings, warnings: list[str]) -> list[Delivery]:
    found = []
    named: tuple[tuple[Path, bool, Kind], ...] = (
        (settings.customers_csv, settings.customers_csv_path is not None, "customers"),
        (settings.orders_xml, settings.orders_xml_path is not None, "orders"),
    )
    for path, is_named, kind in named:
        if is_named and not path.is_file():
            raise FileNotFoundError(f"{path} is not there: mend CUSTOMERS_CSV_PATH or ORDERS_XML_PATH")
        if path.is_symlink() and not is_named:
            warnings.append(f"{path.name} {_LINK}")
        elif path.is_file():
            found.append(_delivery(path, path.name, 0, kind))
    return found


def _delivery(path: Path, name: str, rank: int, kind: Kind) -> Delivery:
    return Delivery(path, name, kind, sha256(path), rank, date_in_name(path.name))


def _passed_over(path: Path) -> str | None:
    """Say why a path is no delivery: None for a delivery, empty where nobody needs to be told."""
    if path.name.startswith(".") or path.suffix.lower() in (".part", ".tmp"):
        return ""
    if path.is_symlink():
        return _LINK
    if not path.is_file():
        return "is not a file, so it was passed over"
    if path.suffix.lower() not in KINDS:
        return "ends neither in .csv nor in .xml, so it was passed over"
    return None
