"""The quarantine: every rejected record as it came, with all its reasons, one CSV a delivery.

Text that a spreadsheet would run as a formula carries one more `'` in front; `read` takes it off again.
An absent field is empty, a blank one is `""`.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from akasa.validate.rules import REASONS
from akasa.workspace import files, spreadsheet


def path(folder: Path, name: str, sha256: str) -> Path:
    """Return `<folder>/<file name>.<first twelve digits of the sha256>.csv`."""
    return folder / f"{name.rpartition('/')[2]}.{sha256[:12]}.csv"


def write(file: Path, rejected: pd.DataFrame) -> None:
    """Write rejected records, all columns as text; the old file stands until the new one is whole."""
    with files.atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(rejected.columns) + "\n")
        for row in rejected.astype(object).itertuples(index=False, name=None):
            stream.write(",".join(_field(value) for value in row) + "\n")


def read(file: Path) -> pd.DataFrame:
    """Return a quarantine file's records as text, blank and absent fields alike as empty text."""
    with file.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream, strict=True)
    return pd.DataFrame([[spreadsheet.restore(value) for value in row] for row in rows], columns=header)


def by_reason(files: Iterable[Path]) -> pd.DataFrame:
    """Return one row a reason code that occurs: reason, records, meaning; in the order of the rules.

    A record with two reasons counts under both.
    """
    counted = Counter(
        code for file in files if file.exists() for codes in read(file)["reasons"] for code in codes.split()
    )
    rows = [(code, counted[code], meaning) for code, meaning in REASONS.items() if counted[code]]
    return pd.DataFrame(rows, columns=["reason", "records", "meaning"])


def _field(value: object) -> str:
    if value is None or value != value:
        return ""
    return '"' + spreadsheet.neutralise(str(value)).replace('"', '""') + '"'
