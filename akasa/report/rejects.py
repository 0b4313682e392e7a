"""What was turned away, for people who have the page alone: the first records, and all as files beside it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pyarrow as pa

from akasa.report import shown
from akasa.validate import quarantine
from akasa.workspace import files, spreadsheet
from akasa.workspace.settings import Settings

FOLDER = "rejects"
FIRST_ROWS = 5  # of each delivery
MOST_FILES = 40
_COLUMNS = ["delivery", "record", "reasons", "raw"]
_NO_FIELD = ("sha256", "record", "reasons", "detail", "raw", "delivery", "malformed")


def written(settings: Settings, ledger: pd.DataFrame) -> Iterator[tuple[str, Path]]:
    """Yield each published delivery's name and quarantine file, where it has one, the latest first."""
    for row in ledger.iloc[::-1].itertuples():
        yield from ((row.name, file) for file in quarantine.files(settings.quarantine, row.sha256))


def first_rows(settings: Settings, ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the first records of the latest quarantine files: delivery, record, reasons, raw (fields)."""
    rows = [
        (shown.text(name), row["record"], row["reasons"], as_it_came(row))
        for name, file in islice(written(settings, ledger), MOST_FILES)
        for row in shown.raw(quarantine.read(file, first=FIRST_ROWS)).to_dict("records")
    ]
    return pd.DataFrame(rows, columns=_COLUMNS, dtype="str")


def links(settings: Settings, ledger: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (delivery, address beside the page) of the quarantine files, the latest first."""
    return [
        (shown.text(name), quote(f"{FOLDER}/{shown.text(file.name)}"))
        for name, file in written(settings, ledger)
    ]


def as_it_came(record: dict[str, str]) -> str:
    """Return a rejected record's fields in one text, or the whole of it where it has none.

    >>> as_it_came({"record": "7", "reasons": "missing_sku_id", "order_id": "O1", "sku_id": "", "raw": ""})
    'order_id O1 · sku_id (blank)'
    """
    fields = {name: value for name, value in record.items() if name not in _NO_FIELD}
    if not any(fields.values()):
        return record.get("raw", "")
    return " · ".join(f"{name} {value or '(blank)'}" for name, value in fields.items())


def copy(settings: Settings, ledger: pd.DataFrame, folder: Path) -> None:
    """Write all quarantine files of published deliveries into a folder, as people may see them.

    They begin with a BOM, so that a spreadsheet shows every script right.
    """
    for _, file in written(settings, ledger):
        records = shown.raw(quarantine.read(file))
        columns = [pa.array(records[name], pa.string()) for name in records]
        told = spreadsheet.csv([*records], columns)
        files.write_text(folder / shown.text(file.name), f"\ufeff{told}")
