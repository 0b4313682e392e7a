"""The files that lie beside the page, since its data may not travel with it: tables, their SQL, rejects."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.kpis import results, sql
from akasa.kpis.definitions import DEFINITIONS
from akasa.report import rejects
from akasa.report.tables import Table
from akasa.workspace import files, spreadsheet
from akasa.workspace.settings import Settings

BOM = "\ufeff"  # so that a spreadsheet shows names in every script right


def write(settings: Settings, tables: Sequence[Table], ledger: pd.DataFrame) -> None:
    """Write each table as CSV, each KPI's SQL, and what was turned away."""
    for table in tables:
        files.write_text(settings.output_dir / table.address, csv(table))
        if table.name in DEFINITIONS:
            files.write_text(settings.output_dir / f"tables/{table.name}.sql", sql.statement(table.name))
    rejects.copy(settings, ledger, settings.output_dir / rejects.FOLDER)


def csv(table: Table) -> str:
    """Return all rows of a table as CSV: the columns' own names, money as rupees, formulas neutralised."""
    names = [column.name for column in table.columns]
    columns = [
        pa.array([_plain(column.kind, value) for value in table.frame[column.name].tolist()], pa.string())
        for column in table.columns
    ]
    return BOM + spreadsheet.csv(names, columns)


def _plain(kind: str, value: Any) -> str:
    if kind == "paise":
        return results.rupees(value)
    return str(value)[:10] if kind == "date" else str(value)
