"""The quarantine: every rejected record as it came, with all its reasons, one CSV a delivery.

Text that a spreadsheet would run as a formula carries one more `'` in front; `read` takes it off again.
An absent field is empty, a blank one is `""`.
"""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

from akasa.validate.rules import REASONS
from akasa.workspace import spreadsheet
from akasa.workspace.files import atomic, private
from akasa.workspace.listing import Listing

_LONGEST = 2**31 - 1
_NAME = re.compile(r".*\.[0-9a-f]{12}\.csv", re.DOTALL)


def path(folder: Path, name: str, sha256: str) -> Path:
    """Return `<folder>/<file name>.<first twelve digits of the sha256>.csv`.

    Of a long name only as much stands there as file systems take: 255 bytes with all that follows.
    """
    ending = f".{sha256[:12]}.csv"
    begins = name.rpartition("/")[2].encode()[: 255 - len(ending)].decode(errors="ignore")
    return folder / f"{begins}{ending}"


def written(folder: Path) -> list[Path]:
    """Return all quarantine files in a folder; others may lie there."""
    return sorted(path for path in folder.glob("*.csv") if _NAME.fullmatch(path.name))


def files(folder: Path, sha256: str) -> list[Path]:
    """Return the quarantine files of a delivery, under whatever name it went when they were written."""
    return sorted(folder.glob(path(folder, "*", sha256).name))


def write(file: Path, rejected: Iterable[pd.DataFrame]) -> None:
    """Write rejected records, which come part by part, all columns as text.

    The old file stands until the new one is whole.
    """
    with private(), atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        for number, part in enumerate(rejected):
            if not number:
                stream.write(",".join(part.columns) + "\n")
            columns = [map(_field, part[name].astype(object)) for name in part]
            stream.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def read(file: Path, only: Collection[str] | None = None, first: int | None = None) -> pd.DataFrame:
    """Return a quarantine file's records as text, blank and absent fields alike as empty text.

    `only` names the columns that are wanted; `first` is how many records are. Raises ValueError for a file
    without a first line.
    """
    with file.open(encoding="utf-8", newline="") as stream, _of_any_length():
        rows = csv.reader(stream, strict=True)
        header = next(rows, None)
        if header is None:
            raise ValueError(f"{file} is empty, and so damaged: remove it, and the next run makes it again")
        columns: dict[str, list[str]] = {name: [] for name in header}
        for row in islice(rows, first):
            for texts, text in zip(columns.values(), row, strict=True):
                texts.append(text)
    wanted = {name: texts for name, texts in columns.items() if only is None or name in only}
    return pd.DataFrame({name: pd.array(_restored(texts), dtype="str") for name, texts in wanted.items()})


@contextmanager
def _of_any_length() -> Iterator[None]:
    """Let a field be as long as it is: a malformed record stands in one, whole."""
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def reasons(files: Iterable[Path]) -> Iterable[str]:
    """Yield the reason codes of each record in quarantine files, those of one record joined by a space."""
    return (codes for file in files if file.exists() for codes in read(file, ["reasons"])["reasons"])


def by_reason(reasons: Iterable[str]) -> pd.DataFrame:
    """Return one row a reason code that occurs: reason, records, meaning; in the order of the rules.

    `reasons` are the codes of each record, joined by a space; one with two codes counts under both.
    """
    counted = Counter(code for codes in reasons for code in codes.split())
    rows = [(code, counted[code], meaning) for code, meaning in REASONS.items() if counted[code]]
    return Listing(rows, columns=["reason", "records", "meaning"])


def _restored(texts: list[str]) -> pa.Array:
    return spreadsheet.restored(pa.array(texts, pa.string()))


def _field(value: object) -> str:
    absent = value is None or value != value
    return "" if absent else spreadsheet.quoted(str(value))
