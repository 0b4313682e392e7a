"""Prove one approach by the other: KPIs compared value by value, control totals that must tie."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS
from akasa.kpis.engines import chosen
from akasa.kpis.results import Parameters, computed_for, read_results
from akasa.stores import database, warehouse
from akasa.workspace.listing import Listing
from akasa.workspace.settings import Settings

Results = Mapping[str, Mapping[str, pd.DataFrame]]
COLUMNS = ["kpi", "key", "column", "engine", "value", "other_engine", "other_value"]
_SIDES = ("value", "other_value")


class Disagreement(AssertionError):
    """Engines or control totals differ; the message lists where."""


@dataclass(frozen=True)
class Proof:
    """What the engines computed, for which parameters, where they differ, and which totals tie.

    `results` maps engine → KPI → frame as read back from the files; `differences` is as `compare` gives it,
    `totals` as `control_totals`.
    """

    results: Results
    parameters: Parameters
    differences: pd.DataFrame
    totals: pd.DataFrame

    @property
    def as_of(self) -> date | None:
        return date.fromisoformat(self.parameters.as_of) if self.parameters.as_of else None

    @property
    def holds(self) -> bool:
        """Whether no value differs and all totals tie."""
        return self.differences.empty and bool(self.totals["ties"].all())


def prove(settings: Settings, engine: str) -> Proof:
    """Compare the KPI files of SQL with those in memory (pandas, dask, both), and tie both stores' totals.

    Raises FileNotFoundError where a file is missing, ComputedApart where engines ran for other parameters.
    """
    every = ("sql", *chosen(engine))
    parameters = computed_for(settings, every)
    found = read_results(settings, every)
    proof = Proof(found, parameters, compare(found), pd.DataFrame())
    proof = replace(proof, totals=control_totals(found, proof.as_of, settings))
    return _told_apart_from_mobiles(proof) if settings.mask_pii else proof


def compare(results: Results) -> pd.DataFrame:
    """Return every value in which an engine differs from the first one, at tolerance zero.

    `results` maps engine → KPI → frame. One row a difference: kpi, key, column, engine, value, other_engine,
    other_value. A row that an engine lacks differs in the column "(row)", another order of rows in "(order)".
    """
    first, *others = results
    found = [
        (kpi, key, column, first, value, other, other_value)
        for kpi in DEFINITIONS
        for other in others
        for key, column, value, other_value in differences(kpi, results[first][kpi], results[other][kpi])
    ]
    return Listing(found, columns=COLUMNS)


def differences(kpi: str, one: pd.DataFrame, other: pd.DataFrame) -> list[tuple[str, str, Any, Any]]:
    """Return (key, column, value, other value) of every difference between two frames of a KPI."""
    columns = list(DEFINITIONS[kpi].columns)
    for frame in (one, other):
        if list(frame.columns) != columns:
            return [("", "(columns)", ", ".join(one.columns), ", ".join(other.columns))]
    if one.equals(other) and one.notna().all(axis=None):
        return []
    mine, theirs = keyed(kpi, one), keyed(kpi, other)
    found: list[tuple[str, str, Any, Any]] = []
    for key in dict.fromkeys([*mine, *theirs]):
        if key not in mine or key not in theirs:
            found.append(
                (key, "(row)", "there" if key in mine else "absent", "there" if key in theirs else "absent")
            )
            continue
        pairs = zip(columns, mine[key], theirs[key], strict=True)
        found += [(key, column, a, b) for column, a, b in pairs if a != b]
    if not found and list(mine) != list(theirs):
        at = next(i for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
        found.append((f"row {at + 1}", "(order)", list(mine)[at], list(theirs)[at]))
    return found


def keyed(kpi: str, frame: pd.DataFrame) -> dict[str, tuple[Any, ...]]:
    """Return the frame's rows by their key, in their order; a key that comes twice keeps a mark."""
    places = [list(frame.columns).index(column) for column in DEFINITIONS[kpi].key]
    rows: dict[str, tuple[Any, ...]] = {}
    for row in frame.itertuples(index=False, name=None):
        key = " ".join(str(row[place]) for place in places)
        while key in rows:
            key += " (again)"
        rows[key] = row
    return rows


def control_totals(results: Results, as_of: date | None, settings: Settings) -> pd.DataFrame:
    """Return the totals that must tie: check, the two sides' names and values, and whether they are equal.

    Revenue (paise) and orders by month, by region, and of the orders themselves in both stores; rows of
    every table in both stores; and for every delivery of the ledger its rows in both stores.
    """
    checks = [*_kpi_totals(results, as_of, settings), *_table_rows(settings), *_delivery_rows(settings)]
    frame = Listing(checks, columns=["check", "left", "left_value", "right", "right_value"])
    return frame.assign(ties=frame["left_value"] == frame["right_value"])


def require_agreement(proof: Proof) -> None:
    """Raise Disagreement that shows the differences by KPI, key, column and both values."""
    found, totals = proof.differences, proof.totals
    lines = [
        f"{r.kpi} {r.key} {r.column}: {r.engine} says {r.value}, {r.other_engine} says {r.other_value}"
        for r in found.itertuples()
    ]
    lines += [
        f"{r.check}: {r.left} {r.left_value}, {r.right} {r.right_value}"
        for r in totals[~totals["ties"]].itertuples()
    ]
    if lines:
        more = f"\n… and {len(lines) - 20} more" if len(lines) > 20 else ""
        raise Disagreement("the results do not agree:\n" + "\n".join(lines[:20]) + more)


def _told_apart_from_mobiles(proof: Proof) -> Proof:
    """Write whole numbers in groups of digits, or paise of ten digits would be masked as mobile numbers."""
    differences = proof.differences.assign(**{side: proof.differences[side].map(_grouped) for side in _SIDES})
    sides = ("left_value", "right_value")
    totals = proof.totals.assign(**{side: proof.totals[side].map(_grouped) for side in sides})
    return replace(proof, differences=differences, totals=totals)


def _grouped(value: Any) -> Any:
    return f"{value:,}" if isinstance(value, int) else value


def _kpi_totals(
    results: Results, as_of: date | None, settings: Settings
) -> list[tuple[str, str, int, str, int]]:
    sides = {
        "orders in the database": database.orders_up_to(settings, as_of),
        "orders in the warehouse": warehouse.orders_up_to(settings, as_of),
    }
    for engine, frames in results.items():
        for kpi, what in (("monthly_trends", "months"), ("regional_revenue", "regions")):
            frame = frames[kpi]
            sides[f"{what} ({engine})"] = (int(frame["order_count"].sum()), int(frame["total_revenue"].sum()))
    (left, left_values), *others = sides.items()
    return [
        (check, left, left_values[place], right, values[place])
        for place, check in enumerate(("orders", "revenue in paise"))
        for right, values in others
    ]


def _table_rows(settings: Settings) -> list[tuple[str, str, int, str, int]]:
    counted = {
        table: int(database.query(f"select count(*) as n from {table}", settings)["n"][0])
        for table in warehouse.SCHEMAS
    }
    return [
        (f"rows of {table}", "database", rows, "warehouse", warehouse.count(table, settings))
        for table, rows in counted.items()
    ]


def _delivery_rows(settings: Settings) -> list[tuple[str, str, int, str, int]]:
    """Tie each delivery's rows in both stores; the latest of each kind, never superseded, to the ledger."""
    ledger = database.ledger(settings)
    in_database = {table: database.rows_by_delivery(settings, table) for table in _ROWS_OF.values()}
    in_warehouse = {table: warehouse.rows_by_delivery(settings, table) for table in _ROWS_OF.values()}
    latest = set(ledger.drop_duplicates("kind", keep="last")["sha256"])
    checks = []
    for row in ledger.itertuples():
        table = _ROWS_OF[row.kind]
        here = in_database[table].get(row.delivery_id, 0)
        there = in_warehouse[table].get(row.delivery_id, 0)
        checks.append((f"rows from {row.name}", "database", here, "warehouse", there))
        # Of an earlier delivery, rows may have been superseded since: how many there should be is not known.
        if row.sha256 in latest:
            checks.append((f"rows from {row.name}", "accepted by the ledger", row.accepted, "database", here))
    return checks


_ROWS_OF = {"customers": "customers", "orders": "order_items"}
