"""What each published delivery was judged to be, kept beside its staging: `data/judged/<kind>-<sha256>/`.

So a delivery can be weighed again, at another place or without its neighbours, as it was judged then,
whatever the rules say now. A judgement is written beside the one that stands before its publish, and takes
its place once the ledger says that it was committed: a run that is cut short leaves the old one or the new.
"""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from akasa.validate import kept
from akasa.validate.kept import Kept
from akasa.validate.plan import Planned
from akasa.validate.rules import Parted
from akasa.workspace import files, rows
from akasa.workspace.failpoints import reached
from akasa.workspace.settings import Settings

_KEYS = ("customer_id", "order_id", "sku_id")  # of accepted records; rejected ones have a number


@dataclass(frozen=True)
class Judged:
    """A delivery with its records parted into accepted, rejected and repeats, by a version of the rules.

    `rules_version` is None where it was judged before rules had versions.
    """

    delivery: Planned
    records: Parted | Kept
    rules_version: int | None

    def told(self) -> dict[str, Any]:
        """Return what an event says of it: its name, and what became of its records."""
        records, delivery = self.records, self.delivery
        counts = {"accepted": records.accepted_count, "rejected": records.rejected_count}
        of = {"kind": delivery.kind, "delivery": delivery.name}
        return {**of, "records": records.count, **counts, "repeats": records.repeats}

    def only(self, ids: "pd.Series[str]") -> "Judged":
        """Return it with the accepted records of some customers or orders, by their ids."""
        records, accepted = self.records, self.records.accepted
        of_them = accepted[accepted.iloc[:, 0].isin(ids)].reset_index(drop=True)
        return replace(self, records=Parted(of_them, records.rejected, records.repeats, records.warnings))


@files.private()
def prepare(settings: Settings, judged: Judged, now: datetime) -> None:
    """Write a judgement that is about to be published, at the moment that the ledger will note (UTC)."""
    delivery, records = judged.delivery, judged.records
    folder = _arriving(settings) / _name(delivery)
    # First: without it, what lies in the folder is not whole, and is not read.
    (folder / "verdict.json").unlink(missing_ok=True)
    for name in kept.TABLES:
        with files.atomic(folder / f"{name}.parquet") as part:
            _write(delivery.kind, records, name, part)
    about: dict[str, Any] = {"repeats": records.repeats, "warnings": records.warnings}
    about |= {"more_lines": records.more_lines, "more_rejected": records.more_rejected}
    if delivery.kind == "orders":
        about["revenue_paise"] = revenue_of(records, settings.amount_is)
    about |= {"delivered_on": delivery.delivered_on.isoformat(), "rules_version": judged.rules_version}
    files.write_text(folder / "verdict.json", json.dumps(about | {"noted": now.isoformat()}) + "\n")


def prepared(settings: Settings, delivery: Planned) -> tuple[Judged, datetime] | None:
    """Return the judgement that was prepared for a delivery, and for which moment; None where none was."""
    folder = _arriving(settings) / _name(delivery)
    about = _about(folder)
    return (_read(folder, delivery, about), datetime.fromisoformat(about["noted"])) if about else None


def put_in_place(settings: Settings, delivery: Planned) -> None:
    """Let the prepared judgement of a delivery stand from now on."""
    there = settings.judged / _name(delivery)
    _set_aside(settings, there)
    reached("before a judgement takes its place")
    (_arriving(settings) / _name(delivery)).rename(there)


def drop_prepared(settings: Settings) -> None:
    """Remove prepared judgements that are in no ledger."""
    shutil.rmtree(_arriving(settings), ignore_errors=True)


def any_prepared(settings: Settings) -> bool:
    return _arriving(settings).exists()


def is_kept(settings: Settings, delivery: Planned) -> bool:
    return (settings.judged / _name(delivery) / "verdict.json").exists()


def recall(settings: Settings, delivery: Planned) -> Judged | None:
    """Return a delivery as it was judged for its day, or None where that was not kept."""
    folder = settings.judged / _name(delivery)
    try:
        about = _about(folder)
        is_its = about is not None and about["delivered_on"] == delivery.delivered_on.isoformat()
        return _read(folder, delivery, about) if about and is_its else None
    except (OSError, ValueError, KeyError):  # of a file that is lost or damaged
        return None


def forget(settings: Settings, kind: str, sha256: str) -> None:
    _set_aside(settings, settings.judged / f"{kind}-{sha256}")


def revenue_of(records: Parted | Kept, amount_is: str) -> int:
    """Return what a delivery's accepted order lines come to, in paise."""
    known = records.revenue_paise if isinstance(records, Kept) else None
    return revenue(records.accepted, amount_is) if known is None else known


def revenue(accepted: pd.DataFrame, amount_is: str) -> int:
    """Return what accepted order lines come to, in paise; a total on each of an order's lines counts once."""
    if accepted.empty:
        return 0
    counting = accepted if amount_is == "line" else accepted[~accepted["order_id"].duplicated()]
    # amounts of many lines may be more than an int64 holds
    paise = pa.array(counting["total_amount_paise"], pa.int64()).cast(pa.decimal128(38))
    return int(pc.sum(paise).as_py())


def kept_revenue(settings: Settings, delivery: Planned) -> int | None:
    """Return what a published delivery's orders came to, in paise; None where its judgement was lost."""
    folder = settings.judged / _name(delivery)
    try:
        about = _about(folder)
        if about is None:
            return None
        if "revenue_paise" in about:
            return int(about["revenue_paise"])
        columns = ["order_id", "total_amount_paise"]
        return revenue(pd.read_parquet(folder / "accepted.parquet", columns=columns), settings.amount_is)
    except (OSError, ValueError, KeyError):
        return None


def moment(settings: Settings, kind: str, sha256: str) -> str | None:
    """Return the moment for which the judgement that stands was published; None where that is not known."""
    return _moment(settings.judged / f"{kind}-{sha256}")


def accepted(settings: Settings, kind: str, sha256: str, noted: str | None) -> Path | None:
    """Return the file of the records that a judgement accepted, be it one that stands or a replaced one.

    `noted` is its `moment`. None where it is no longer kept.
    """
    there = settings.judged / f"{kind}-{sha256}"
    replaced = settings.replaced_judgements / f"{kind}-{sha256}"
    places = [there, *sorted(replaced.glob("*"))]
    found = [one / "accepted.parquet" for one in places if noted and _moment(one) == noted]
    return next((file for file in found if file.exists()), None)


def drop_replaced(settings: Settings, needed: Collection[tuple[str, str, str]]) -> None:
    """Remove replaced judgements but those that are needed: kind, sha256 and moment of each."""
    for one in settings.replaced_judgements.glob("*-*/*"):
        kind, _, sha256 = one.parent.name.partition("-")
        if (kind, sha256, _moment(one)) not in needed:
            shutil.rmtree(one, ignore_errors=True)
    for folder in settings.replaced_judgements.glob("*"):
        if not any(folder.iterdir()):
            folder.rmdir()


def _set_aside(settings: Settings, there: Path) -> None:
    """Take a judgement out of its place: the next run compares with it."""
    noted = _moment(there)
    aside = settings.replaced_judgements / there.name / (noted or "").replace(":", "")
    if noted and not aside.exists():
        with files.private():
            aside.parent.mkdir(parents=True, exist_ok=True)
        there.rename(aside)
    shutil.rmtree(there, ignore_errors=True)


def _moment(folder: Path) -> str | None:
    try:
        about = _about(folder)
    except (OSError, ValueError):
        return None
    return about.get("noted") if about else None


def same(one: Parted | Kept, other: Parted | Kept) -> bool:
    """Return whether two judgements say the same of every record, in whatever order."""
    return one.repeats == other.repeats and all(
        _sorted(getattr(one, name)).equals(_sorted(getattr(other, name))) for name in kept.TABLES
    )


def _sorted(rows: pd.DataFrame) -> pa.Table:
    """Return rows in one order, and of types that do not depend on whether they came from Parquet."""
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
    table = table.cast(pa.schema([field.with_type(_plain(field.type)) for field in table.schema]))
    keys = [name for name in _KEYS if name in rows]
    return table.sort_by([(key, "ascending") for key in keys])


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind) or pa.types.is_floating(kind):  # of a column without any text
        return pa.large_string()
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def _about(folder: Path) -> dict[str, Any] | None:
    file = folder / "verdict.json"
    about: dict[str, Any] | None = json.loads(file.read_text("utf-8")) if file.exists() else None
    return about


def _write(kind: str, records: Parted | Kept, name: str, file: Path) -> None:
    """Write accepted or rejected records, or let those that are written be found there, too."""
    there = records.folder / f"{name}.parquet" if isinstance(records, Kept) else None
    if there and (name == "rejected" or kept.is_in_order(there)):
        files.share(there, file)
    elif name == "accepted":
        kept.write_accepted(kind, records.accepted, file)
    else:
        kept.write_rejected([kept.of_rejected(kind, records.rejected)], file)


def _read(folder: Path, delivery: Planned, about: Mapping[str, Any]) -> Judged:
    """Return a judgement: its records as frames, or, of many, in their files, all of which can be read."""
    lines = about.get("more_lines", 0), about.get("more_rejected", 0)
    said = about["repeats"], about["warnings"], *lines
    accepted, rejected = (folder / f"{name}.parquet" for name in kept.TABLES)
    counts = kept.readable(accepted), kept.readable(rejected)
    if sum(counts) > rows.PART_ROWS:
        records: Parted | Kept = Kept(folder, *counts, *said, about.get("revenue_paise"))
    else:
        records = Parted(pd.read_parquet(accepted), pd.read_parquet(rejected), *said)
    return Judged(delivery, records, about.get("rules_version"))


def _arriving(settings: Settings) -> Path:
    return settings.judged / "arriving"


def _name(delivery: Planned) -> str:
    return f"{delivery.kind}-{delivery.sha256}"
