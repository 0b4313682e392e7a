"""What differs between two runs that are kept: KPIs by value, deliveries, and what they were run with."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from akasa.kpis import reconcile, results
from akasa.kpis.definitions import DEFINITIONS
from akasa.run import history
from akasa.workspace import masking, promotion
from akasa.workspace.settings import Settings

ENGINE = "sql"  # within each run, all engines say the same
_COUNTS = ("records", "accepted", "rejected", "repeats")
_NOTED = ("name", "delivered_on", *_COUNTS, "rules_version")
_ROWS = 50
Row = dict[str, Any]


class NoSuchRun(LookupError):
    """No run, or more than one, has the name that was given; the message lists those that there are."""


class Unreadable(RuntimeError):
    """A file of a run is not what the run wrote."""


@dataclass(frozen=True)
class Run:
    """A run whose files are there: where they lie, and what its run.json says."""

    folder: Path
    said: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.said["run"])


@dataclass(frozen=True)
class Difference:
    """What differs between two `runs`, the first one's `value` beside the second one's `other_value`.

    `kpis` has a row a value: kpi, key, column, and the values as the KPI files have them; None on the side
    that lacks the row. `deliveries` has kind, name, sha256, change (new, gone or changed), and what the
    ledger noted of them. `parameters`, `settings` and `versions` have names.
    """

    runs: tuple[str, str]
    kpis: Sequence[Row]
    deliveries: Sequence[Row]
    parameters: Sequence[Row]
    settings: Sequence[Row]
    versions: Sequence[Row]

    @property
    def is_empty(self) -> bool:
        return not any((self.kpis, self.deliveries, self.parameters, self.settings, self.versions))


def runs(settings: Settings) -> list[Run]:
    """Return the runs whose files are there, the oldest first; the last one's are in place."""
    public = settings.output_dir
    found = [(folder, promotion.told(folder)) for folder in history.entries(public)]
    kept = [Run(folder, said) for folder, said in found if said]
    said = promotion.told(public)
    in_place = [Run(public, said)] if said and said["run"] not in [run.name for run in kept] else []
    return [*kept, *in_place]


def find(known: Sequence[Run], name: str) -> Run:
    """Return the run of a name, of the beginning of one, `latest` or `previous`. Raises NoSuchRun."""
    named = {"latest": known[-1:], "previous": known[-2:-1]}
    found = named.get(name) or [run for run in known if name and run.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not known:
        raise NoSuchRun("no run is kept: `make report` makes one, and KEEP_RUNS says how many are kept")
    what = f"{name!r} is the beginning of several" if found else f"there is no run {name!r}; there are"
    raise NoSuchRun(f"{what}: {', '.join(run.name for run in found or known)}")


def between(settings: Settings, one: Run, other: Run) -> Difference:
    """Return what differs. Raises Unreadable where a KPI file is not what its run wrote.

    Where mobile numbers are masked in one of them, or are to be, they are in both.
    """
    mask = settings.mask_pii or any(history.is_masked(run.said) for run in (one, other))
    show = masking.text if mask else str
    mine, theirs = (_frames(run, mask) for run in (one, other))
    return Difference(
        runs=(one.name, other.name),
        kpis=[row for kpi in dict.fromkeys([*mine, *theirs]) for row in _values(kpi, mine, theirs)],
        deliveries=_deliveries(*(_noted(run, show) for run in (one, other))),
        parameters=_named(*(_shown(run, "effective_parameters", show) for run in (one, other))),
        settings=_named(*(_shown(run, "settings", show) for run in (one, other))),
        versions=_named(*(_versions(run.said) for run in (one, other))),
    )


def words(found: Difference) -> str:
    """Return it for the console: what it was before → what it is after."""
    lists = {"parameters": found.parameters, "settings": found.settings, "versions": found.versions}
    lines: dict[str, list[tuple[str, ...]]] = {
        what: [(row["name"], _pair(row)) for row in rows] for what, rows in lists.items()
    }
    lines["deliveries"] = [(row["change"], row["name"], _told(row)) for row in found.deliveries]
    lines["KPIs"] = _whole_rows(found.kpis)
    parts = [f"{what}\n{_columns(rows)}" for what, rows in lines.items() if rows]
    same = [] if found.kpis else ["the KPIs are the same in every value"]
    return "\n\n".join([" → ".join(found.runs), *parts, *same])


def _frames(run: Run, mask: bool) -> dict[str, pd.DataFrame]:
    """Return KPI → frame of the KPIs that a run wrote, money in paise."""
    names = {kpi: results.file_name(ENGINE, kpi) for kpi in DEFINITIONS}
    written = {kpi: name for kpi, name in names.items() if name in run.said["files"]}
    found = {kpi: results.read_result(run.folder, ENGINE, kpi) for kpi in written}
    for name in written.values():  # after they were read: another run's may just have taken their places
        if _sha256(run.folder / name) != run.said["files"][name]["sha256"]:
            raise Unreadable(f"{run.folder / name} is not what run {run.name} wrote")
    return {kpi: masking.table(frame) if mask else frame for kpi, frame in found.items()}


def _values(kpi: str, mine: Mapping[str, pd.DataFrame], theirs: Mapping[str, pd.DataFrame]) -> list[Row]:
    empty = next(frames[kpi] for frames in (mine, theirs) if kpi in frames).iloc[:0]
    one, other = (frames.get(kpi, empty) for frames in (mine, theirs))
    rows = [reconcile.keyed(kpi, frame) for frame in (one, other)]
    found: list[Row] = []
    for key, column, value, other_value in reconcile.differences(kpi, one, other):
        if column == "(row)":
            found += _row(kpi, key, *(side.get(key) for side in rows))
        else:
            found.append(_row_of(kpi, key, column, value, other_value))
    return found


def _row(kpi: str, key: str, one: Sequence[Any] | None, other: Sequence[Any] | None) -> list[Row]:
    """Return a row that one side lacks, a value a column."""
    columns = list(DEFINITIONS[kpi].columns)
    sides = [dict(zip(columns, side, strict=True)) if side else {} for side in (one, other)]
    return [
        _row_of(kpi, key, column, *(side.get(column) for side in sides))
        for column in columns
        if column not in DEFINITIONS[kpi].key
    ]


def _row_of(kpi: str, key: str, column: str, value: Any, other_value: Any) -> Row:
    shown = {"value": _as_written(kpi, column, value), "other_value": _as_written(kpi, column, other_value)}
    return {"kpi": kpi, "key": key, "column": column, **shown}


def _as_written(kpi: str, column: str, value: Any) -> str | None:
    if value is None:
        return None
    match DEFINITIONS[kpi].columns.get(column):
        case "paise":
            return results.rupees(value)
        case "date":
            return str(value)[:10]
    return str(value)


def _noted(run: Run, show: Callable[[str], str]) -> dict[tuple[str, str], Row] | None:
    """Return what the ledger noted of each delivery, by its kind and sha256, in delivery order.

    None where the run's version of akasa did not tell.
    """
    if "deliveries" not in run.said:
        return None
    return {
        (row["kind"], row["sha256"]): {name: row[name] for name in _NOTED} | {"name": show(row["name"])}
        for row in run.said["deliveries"]
    }


def _deliveries(
    mine: Mapping[tuple[str, str], Row] | None, theirs: Mapping[tuple[str, str], Row] | None
) -> list[Row]:
    """Return the deliveries that are new, gone, or noted otherwise; none where one side tells of none."""
    if mine is None or theirs is None:
        return []
    pairs = {key: (mine.get(key), theirs.get(key)) for key in dict.fromkeys([*mine, *theirs])}
    return [
        {"kind": kind, "name": (other or one or {})["name"], "sha256": sha256, "change": _change(one, other)}
        | {"value": one, "other_value": other}
        for (kind, sha256), (one, other) in pairs.items()
        if one != other
    ]


def _change(one: Row | None, other: Row | None) -> str:
    return "new" if one is None else "gone" if other is None else "changed"


def _told(row: Row) -> str:
    """Return what the ledger notes of a delivery, or what it notes otherwise now."""
    value, other_value = row["value"] or {}, row["other_value"] or {}
    if row["change"] == "changed":
        return "; ".join(f"{one['name']} {_pair(one)}" for one in _named(value, other_value))
    return ", ".join(f"{(other_value or value)[count]:,} {count}" for count in _COUNTS)


def _shown(run: Run, what: str, show: Callable[[str], str]) -> dict[str, Any]:
    told = run.said.get(what, {})
    return {name: show(value) if isinstance(value, str) else value for name, value in told.items()}


def _versions(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return all versions of a run in one mapping; the akasa alone where it did not tell more."""
    noted = said.get("versions")
    if noted is None:
        return {"akasa": said.get("akasa")}
    database, git = noted["database"] or {}, noted["git"] or {}
    return {
        "akasa": noted["akasa"],
        "rules": said["rules_version"],
        "commit": git.get("commit"),
        "uncommitted changes": git.get("dirty"),
        "python": noted["python"],
        "database": " ".join(database.values()) or None,
        **noted["packages"],
    }


def _named(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Row]:
    """Return what has another value; what one side's version of akasa did not tell is no difference."""
    return [
        {"name": name, "value": one[name], "other_value": other[name]}
        for name in one
        if name in other and one[name] != other[name]
    ]


def _whole_rows(values: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return a line a value, and one for all values of a row that one side lacks."""
    found: list[tuple[str, ...]] = []
    for (kpi, key, change), group in groupby(values, lambda row: (row["kpi"], row["key"], _change_of(row))):
        rows = list(group)
        if change:
            side = "other_value" if change == "new" else "value"
            found.append((kpi, key, f"({change})", ", ".join(row[side] for row in rows)))
        else:
            found += [(kpi, key, row["column"], _pair(row)) for row in rows]
    return found


def _change_of(row: Row) -> str:
    return "new" if row["value"] is None else "gone" if row["other_value"] is None else ""


def _pair(row: Row) -> str:
    return " → ".join("none" if row[side] is None else str(row[side]) for side in ("value", "other_value"))


def _columns(lines: Sequence[tuple[str, ...]]) -> str:
    """Return the first lines below each other, all their parts but the last padded."""
    shown = lines[:_ROWS]
    widths = [max(map(len, column)) for column in list(zip(*shown, strict=True))[:-1]]
    padded = [[*map(str.ljust, line, widths), line[-1]] for line in shown]
    more = [f"… and {len(lines) - _ROWS:,} more; --format json has all"] if len(lines) > _ROWS else []
    return "\n".join(["  " + "  ".join(line) for line in padded] + more)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
