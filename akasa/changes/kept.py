"""What a run keeps for the next one to compare with: which deliveries stood, who was who, what was reported.

It lies in `data/.run.compared/<outputs>/`. No order is in it: what an order was, the judgements of the
deliveries that stood tell (see `versions`), and one that is replaced or taken back stays in
`data/.run.judged/` until the next run has compared.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.kpis.reconcile import Proof
from akasa.kpis.results import Parameters
from akasa.stores import database, warehouse
from akasa.validate import plan as planning
from akasa.validate import verdicts
from akasa.workspace import files
from akasa.workspace.settings import Settings
from akasa.workspace.tables import KEYS, frame_types

FORM = 1
_PRIVATE = re.compile(r"\.run-[0-9a-f]{32}")
_FILE = "state.json"
_HELD = ("customers", "holdings")


@dataclass(frozen=True)
class Stood:
    """A delivery as it stood: its place, and the moment of its judgement (none: that was not kept)."""

    kind: str
    sha256: str
    name: str
    position: str
    rules_version: int | None
    noted: str | None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.sha256

    @property
    def delivery_id(self) -> int:
        return int(self.sha256[:15], 16)


@dataclass(frozen=True)
class State:
    """What stood at a run: deliveries in their order, sightings (position → name), customers, holdings.

    `results` are the KPIs as reported, money in paise; `run` and `made` name the run.
    """

    parameters: Parameters
    deliveries: tuple[Stood, ...]
    sightings: Mapping[str, str]
    customers: pd.DataFrame
    holdings: pd.DataFrame
    results: Mapping[str, pd.DataFrame]
    made: str = ""
    run: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_of(self) -> date | None:
        return date.fromisoformat(self.parameters.as_of) if self.parameters.as_of else None

    def equals(self, other: "State") -> bool:
        """Say whether nothing differs that could move a number."""
        noted = [(one.parameters, one.deliveries, dict(one.sightings)) for one in (self, other)]
        return (
            noted[0] == noted[1]
            and self.results.keys() == other.results.keys()
            and all(frame.equals(other.results[name]) for name, frame in self.results.items())
            and all(_same_rows(name, getattr(self, name), getattr(other, name)) for name in _HELD)
        )


def _same_rows(table: str, one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Say whether two frames of a table have the same rows: those of the warehouse are in no order."""
    by = list(KEYS[table])
    return one.equals(other) or (
        len(one) == len(other)
        and one.sort_values(by, ignore_index=True).equals(other.sort_values(by, ignore_index=True))
    )


def of_now(settings: Settings, proof: Proof, made: str) -> State:
    """Return what stands now, and what was just proved."""
    seen = [one for one in planning.seen(database.sightings(settings)) if not one.withdrawn]
    return State(
        parameters=proof.parameters,
        deliveries=tuple(_stood(settings, row) for row in database.ledger(settings).itertuples()),
        sightings={one.position: one.name for one in sorted(seen, key=lambda one: one.position)},
        customers=warehouse.read(settings, "customers").astype(frame_types("customers")),
        holdings=warehouse.read(settings, "holdings").astype(frame_types("holdings")),
        results=dict(proof.results["sql"]),
        made=made,
    )


def is_in_a_run(settings: Settings) -> bool:
    """Say whether outputs go to a run's private folder: only runs are compared."""
    return bool(_PRIVATE.fullmatch(settings.output_dir.name))


def before(settings: Settings) -> State | None:
    """Return what the last run that was put in place has kept; None where there is none to be read."""
    return _read(_folder(settings) / settings.output_dir.parent.name)


@files.private()
def prepare(settings: Settings, state: State) -> None:
    """Write what the next run is to compare with, beside what is kept; `put_in_place` follows a run's end."""
    folder = _folder(settings) / settings.output_dir.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in _HELD:
        getattr(state, name).to_parquet(folder / f"{name}.parquet", compression="zstd")
    for kpi, frame in state.results.items():
        frame.to_parquet(folder / f"kpi.{kpi}.parquet", compression="zstd")
    noted = {
        "form": FORM,
        "run": state.run,
        "made": state.made,
        "parameters": asdict(state.parameters),
        "deliveries": [asdict(one) for one in state.deliveries],
        "sightings": dict(state.sightings),
        "changes": state.changes,
    }
    files.write_text(folder / _FILE, json.dumps(noted, ensure_ascii=False) + "\n")


def put_in_place(settings: Settings, private: Path, run: str) -> None:
    """Let what a run prepared stand, now that its outputs do; drop judgements that nobody compares with.

    `private` was the folder of its outputs, `run` is its name.
    """
    coming = _folder(settings) / private.name
    if (coming / _FILE).exists():
        with files.private():
            noted = json.loads((coming / _FILE).read_text("utf-8"))
            files.write_text(coming / _FILE, json.dumps(noted | {"run": run}, ensure_ascii=False) + "\n")
        there = coming.with_name(settings.output_dir.name)
        shutil.rmtree(there, ignore_errors=True)
        coming.rename(there)
        verdicts.drop_replaced(settings, _compared_with(settings))
    forget_prepared(settings)


def forget_prepared(settings: Settings) -> None:
    """Remove what runs prepared that never came to their end."""
    for left in _folder(settings).glob(".run-*"):
        if _PRIVATE.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)


def _compared_with(settings: Settings) -> set[tuple[str, str, str]]:
    """Return kind, sha256 and moment of all judgements that some outputs are still to be compared with."""
    found: list[Mapping[str, Any]] = list(filter(None, map(_noted, _folder(settings).glob("*"))))
    stood = [Stood(**one) for noted in found for one in noted["deliveries"]]
    return {(*one.key, one.noted) for one in stood if one.noted}


def _folder(settings: Settings) -> Path:
    return settings.data_dir / ".run.compared"


def _stood(settings: Settings, row: Any) -> Stood:
    version = None if pd.isna(row.rules_version) else int(row.rules_version)
    noted = verdicts.moment(settings, row.kind, row.sha256)
    return Stood(row.kind, row.sha256, row.name, row.position, version, noted)


def _read(folder: Path) -> State | None:
    noted = _noted(folder)
    if noted is None:
        return None
    try:
        frames = {
            name: pd.read_parquet(folder / f"{name}.parquet").astype(frame_types(name)) for name in _HELD
        }
        return State(
            parameters=Parameters(**noted["parameters"]),
            deliveries=tuple(Stood(**one) for one in noted["deliveries"]),
            sightings=noted["sightings"],
            results={kpi: _result(folder, kpi) for kpi in _kpis(folder)},
            **{name: noted[name] for name in ("made", "run", "changes")},
            **frames,
        )
    except (OSError, ValueError, LookupError, TypeError):  # lost or cut off
        return None


def _noted(folder: Path) -> Mapping[str, Any] | None:
    """Return what is noted there; None where nothing is, or another version of akasa has noted it."""
    try:
        noted: dict[str, Any] = json.loads((folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return noted if noted.get("form") == FORM else None


def _result(folder: Path, kpi: str) -> pd.DataFrame:
    """Return a KPI as it was kept; Parquet has days by the millisecond."""
    kinds = {column: DTYPES[kind] for column, kind in DEFINITIONS[kpi].columns.items()}
    return pd.read_parquet(folder / f"kpi.{kpi}.parquet").astype(kinds)


def _kpis(folder: Path) -> list[str]:
    return [kpi for kpi in DEFINITIONS if (folder / f"kpi.{kpi}.parquet").exists()]
