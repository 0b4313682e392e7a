"""Find deliveries, put them in order, and know them by the SHA-256 of their bytes."""

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from akasa.ingest import repairs
from akasa.workspace.files import sha256 as sha256
from akasa.workspace.settings import Settings

if TYPE_CHECKING:
    from akasa.workspace.objects import Object

Kind = Literal["customers", "orders"]

FETCHED = ".fetched"  # in the staging folder: bytes of objects, until they are read
KINDS: dict[str, Kind] = {".csv": "customers", ".xml": "orders"}
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_GLUED_TIME = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?"
_DAYS = [
    re.compile(rf"(?<!\d){form}(?!\d)", re.ASCII | re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})(?P<dash>[-_]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?:{_GLUED_TIME})?",
        r"(?P<day>\d\d)(?P<dash>[-.])(?P<month>\d\d)(?P=dash)(?P<year>\d{4})",
        r"(?P<day>\d\d)-(?P<month>[a-z]{3,9})-(?P<year>\d{4})",
    )
]
_RANGE = re.compile(  # between two days: perhaps the time of the first, then what joins them
    r"(?:[T ]\d\d[-:.]?\d\d(?:[-:.]?\d\d)?)?Z?[-_.~– ]*(?:to|till|until|through|thru)?[-_.~– ]*",
    re.ASCII | re.IGNORECASE,
)
_CONTROLS = {code: 0x2400 + code for code in range(32)}  # to their pictures, which sort behind a tab
_LONGEST_POSITION = 400
_INCOMING = "incoming"
_LINK = "is a symbolic link, not a delivery: put the file itself there"
_UNREADABLE = "has a name that is not UTF-8, or has control characters, so it was passed over: rename it"
_FOLDER = "is not a file, so it was passed over"
_GONE = "went away while it was looked at, so it was passed over"
_UNDATED = "has no day in its name that is understood, so it stands behind all dated ones: put its day there"


@dataclass(frozen=True)
class Delivery:
    """One immutable file: where it lies, what it holds, and its place in the order of deliveries.

    `name` is relative to the data folder; `date` is the one in the file name, if any;
    `rank` is 0 for the two base files, 1 for a dated file in the incoming folder, 2 for an undated one.
    `opened` gives the file to be read: of one in a bucket, what is fetched to `path`. Of a bucket that was
    only looked at, `sha256` is empty where the bytes were never fetched; `mark` is another one with other
    bytes.
    """

    path: Path
    name: str
    kind: Kind
    sha256: str
    rank: int
    date: date | None
    mark: str = ""
    fetched: Callable[[], AbstractContextManager[Path]] | None = field(
        default=None, repr=False, compare=False
    )

    def opened(self) -> AbstractContextManager[Path]:
        """Give the file while it is read."""
        return self.fetched() if self.fetched else nullcontext(self.path)

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: its kind and the SHA-256 of its bytes."""
        return self.kind, self.sha256


@dataclass(frozen=True)
class Found:
    """What lies in the drop folders: deliveries in their order, and a warning for each thing passed over."""

    deliveries: tuple[Delivery, ...]
    warnings: tuple[str, ...]


def date_in_name(name: str) -> date | None:
    """Return the first real day written in a file name; where a range of days begins there, its last day.

    A repair has the day of what it repairs.

    Forms: `2025-11-12`, `20251112` and `2025_11_12`, all three with or without a time behind them;
    `12-11-2025` and `12.11.2025`, the day first as in India; `12-Nov-2025`, the month in English.

    >>> date_in_name("orders_20251112T0930.xml")
    datetime.date(2025, 11, 12)
    >>> date_in_name("orders 01-Nov-2025 to 07-Nov-2025.xml")
    datetime.date(2025, 11, 7)
    >>> date_in_name("orders_20251399.xml") is None
    True
    """
    name = _behind(name)
    matches = sorted((match for form in _DAYS for match in form.finditer(name)), key=re.Match.start)
    found = [(match, day) for match in matches if (day := _real_day(match))]
    if not found:
        return None
    last, latest = found[0]
    for match, day in found[1:]:
        if _RANGE.fullmatch(name, last.end(), match.start()):
            last, latest = match, max(latest, day)
    return latest


def _real_day(match: re.Match[str]) -> date | None:
    month = match["month"].lower()
    number = int(month) if month.isdigit() else _month(month)
    try:
        return date(int(match["year"]), number, int(match["day"]))
    except ValueError:
        return None


def _month(name: str) -> int:
    """Return 1 to 12 for an English name or its first letters, at least three; 0 for another word."""
    return next((n for n, month in enumerate(_MONTHS, 1) if month.startswith(name)), 0)


def position(rank: int, day: str | None, name: str, revision: int) -> str:
    r"""Return a text whose order, byte by byte, is the order of deliveries: at most 400 characters.

    By rank and day, then by the stem of the file's name: whatever its case, numbers as numbers, a name behind
    one that it extends; of one name, a later revision behind. `name` is a base file's kind. What
    differs in case, ending or leading zeros alone stands in a fixed order, the shorter stem first.

    Parts are joined by a tab, which sorts before all that a part can hold. A number of several digits has
    their count in front, as a capital letter, which no lower-case stem has: B for two, and so on.

    >>> position(1, "2025-11-12", "incoming/Orders_9 (10).xml", 2).split("\t")
    ['1', '2025-11-12', 'orders_9 (B10)', '0132191fea00263', '000002']
    """
    file = name.rpartition("/")[2]
    stem = file.rpartition(".")[0] or file
    tie = f"{len(stem):03d}{hashlib.sha256(file.encode()).hexdigest()[:12]}"
    return "\t".join((str(rank), day or "" if rank else "", _sortable(stem), tie, f"{revision:06d}"))


def _sortable(stem: str) -> str:
    # Letter by letter: within a word, the lower case of a Greek sigma depends on what comes behind it.
    lower = "".join(map(str.lower, stem)).translate(_CONTROLS)
    return re.sub(r"\d+", lambda match: _counted(match[0].lstrip("0") or "0"), lower, flags=re.ASCII)


def _counted(digits: str) -> str:
    """Put the count of its digits in front of a number.

    >>> _counted("7"), _counted("20251112"), _counted("1" * 26)
    ('7', 'H20251112', 'Z02611111111111111111111111111')
    """
    count = len(digits)
    return digits if count == 1 else f"{chr(64 + count) if count < 26 else f'Z{count:03d}'}{digits}"


def rank(name: str) -> int:
    """Return 0 for a base file's name, 1 for a dated one in the incoming folder, 2 for an undated one.

    A repair has the rank of what it repairs.
    """
    name = _behind(name)
    if not name.startswith(f"{_INCOMING}/"):
        return 0
    return 1 if date_in_name(name) else 2


def named_day(name: str) -> date | None:
    """Return the day in an incoming delivery's name; a base file has none, whatever it is called."""
    return date_in_name(name) if rank(name) == 1 else None


def position_of(name: str, kind: str, revision: int) -> str:
    """Return the position of a name; a base file's has its kind for a name, whatever it is called.

    A repair's is right behind that of what it repairs, before whatever else could stand there.

    >>> behind = position_of("incoming/repair.xml/orders.xml", "orders", 0)
    >>> position_of("orders.xml", "orders", 0) < behind < position_of("orders.xml", "orders", 1)
    True
    """
    if repaired := repairs.repaired(name):
        before = position_of(repaired.name, kind, repaired.revision)
        _, _, stem, *others = position(2, None, repaired.file, revision).split("\t")
        room = _LONGEST_POSITION - len("\t".join((before, "", *others)))
        return "\t".join((before, stem[:room], *others))
    if rank(name) == 0:
        return position(0, None, kind, revision)
    day = date_in_name(name)
    return position(rank(name), day.isoformat() if day else None, name, revision)


def _behind(name: str) -> str:
    """Return the name by which a delivery stands: a repair's is that of what it repairs."""
    repaired = repairs.repaired(name)
    return repaired.name if repaired else name


def find(settings: Settings, fetch: bool = True) -> Found:
    """Return every delivery in order (base files, dated, undated; then by name) and what was passed over.

    Without `fetch`, what lies in a bucket is listed only. Raises StorageUnavailable where it cannot be, and
    FileNotFoundError when a base file or the folder that was named in the settings is not there,
    or when there is no delivery at all.
    """
    warnings: list[str] = []
    base = _base(settings, warnings)
    lying = (
        _in_bucket(settings, settings.incoming_url, fetch) if settings.incoming_url else _in_folder(settings)
    )
    incoming = [one for one in (_taken(*each, warnings) for each in lying) if one]
    if settings.incoming_url:
        warnings += _not_looked_at(settings)
    if not base and not incoming:
        place = settings.incoming_url or settings.incoming
        raise FileNotFoundError(
            f"no delivery found: put {settings.customers_csv.name} and {settings.orders_xml.name} into "
            f"{settings.customers_csv.parent}, or dated files into {place}"
        )
    return Found(tuple(sorted(base + incoming, key=_place)), tuple(warnings))


def undated(name: str) -> str:
    """Return the warning of an incoming delivery whose name tells no day."""
    return f"{name} {_UNDATED}"


def forget_fetched(settings: Settings) -> None:
    """Remove what was fetched of a bucket and need not be read, or was not by a run that was killed."""
    shutil.rmtree(settings.staging / FETCHED, ignore_errors=True)


def repeats(deliveries: Iterable[Delivery]) -> dict[tuple[str, str], list[str]]:
    """Return key → the names beyond the first, in delivery order, under which the same delivery lies."""
    names: dict[tuple[str, str], list[str]] = {}
    for delivery in deliveries:
        names.setdefault(delivery.key, []).append(delivery.name)
    return {key: rest for key, (_, *rest) in names.items() if rest}


Lying = tuple[str, str | None, Callable[[str, int], Delivery | None]]  # name, why passed over, how to know it


def _in_folder(settings: Settings) -> Iterator[Lying]:
    if settings.incoming_dir and not settings.incoming.is_dir():
        raise FileNotFoundError(
            f"{settings.incoming} is not a folder that is there: mend INCOMING_DIR, or make the folder"
        )
    for path in sorted(settings.incoming.iterdir()) if settings.incoming.exists() else []:
        yield path.name, _passed_over(path), partial(_lying, path)


def _lying(path: Path, name: str, rank: int) -> Delivery:
    return _delivery(path, name, rank, _kind(path.name))


def _in_bucket(settings: Settings, url: str, fetch: bool) -> Iterator[Lying]:
    from akasa.ingest import arrivals  # what reads buckets takes its time

    if fetch:
        forget_fetched(settings)
    found = arrivals.look(settings, url)
    yield from ((folder, _FOLDER, lambda name, rank: None) for folder in found.folders)

    def known(one: "Object", name: str, rank: int) -> Delivery | None:
        try:
            sha256 = found.known(one) or (found.fetch(one.name) if fetch else "")
        except FileNotFoundError:
            return None
        bring = partial(found.bytes_of, one.name)
        day = date_in_name(one.name)
        return Delivery(found.path(one.name), name, _kind(one.name), sha256, rank, day, one.mark, bring)

    yield from ((one.name, _unfit_name(one.name), partial(known, one)) for one in found.objects)


def _taken(
    name: str, reason: str | None, know: Callable[[str, int], Delivery | None], warnings: list[str]
) -> Delivery | None:
    """Return what lies in the incoming folder or bucket as a delivery, or warn why it is none."""
    if reason is not None:
        warnings += [f"incoming/{_shown(name)} {reason}"] if reason else []
        return None
    rank = 1 if date_in_name(name) else 2
    found = know(f"incoming/{name}", rank)
    if found is None or rank == 2:
        warnings.append(f"incoming/{name} {_GONE}" if found is None else undated(f"{_INCOMING}/{name}"))
    return found


def _not_looked_at(settings: Settings) -> list[str]:
    """Warn of deliveries in the folder in whose place the bucket stands."""
    there = settings.incoming.iterdir() if settings.incoming.is_dir() else ()
    names = [path.name for path in there if _passed_over(path) is None]
    folder = settings.label(settings.incoming)
    return [f"{folder} is not looked at, as INCOMING_URL is set: {len(names):,} deliveries"] if names else []


def _place(delivery: Delivery) -> str:
    return position_of(delivery.name, delivery.kind, 0)


def _base(settings: Settings, warnings: list[str]) -> list[Delivery]:
    found = []
    named: tuple[tuple[Path, bool, Kind], ...] = (
        (settings.customers_csv, settings.customers_csv_path is not None, "customers"),
        (settings.orders_xml, settings.orders_xml_path is not None, "orders"),
    )
    for path, is_named, kind in named:
        if is_named and not path.is_file():
            raise FileNotFoundError(
                f"{_shown(str(path))} is not there: mend CUSTOMERS_CSV_PATH or ORDERS_XML_PATH"
            )
        if path.is_symlink() and not is_named:
            warnings.append(f"{path.name} {_LINK}")
        elif path.is_file():
            found.append(_delivery(path, _shown(path.name), 0, kind))
    return found


def _delivery(path: Path, name: str, rank: int, kind: Kind) -> Delivery:
    return Delivery(path, name, kind, sha256(path), rank, date_in_name(path.name))


def _kind(name: str) -> Kind:
    return KINDS[Path(name).suffix.lower()]


def _passed_over(path: Path) -> str | None:
    """Say why a path is no delivery: None for a delivery, empty where nobody needs to be told."""
    if _is_unfinished(path.name):
        return ""
    if path.is_symlink():
        return _LINK
    return _unfit_name(path.name) if path.is_file() else _FOLDER


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") or Path(name).suffix.lower() in (".part", ".tmp")


def _unfit_name(name: str) -> str | None:
    """Say by its name why a file is no delivery, as `_passed_over` does."""
    if _is_unfinished(name):
        return ""
    if Path(name).suffix.lower() not in KINDS:
        return "ends neither in .csv nor in .xml, so it was passed over"
    return None if name == _shown(name) else _UNREADABLE


def _shown(name: str) -> str:
    r"""Return a name as text that can be stored and stands in one line: other bytes become `\xff`."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" else c for c in text)
