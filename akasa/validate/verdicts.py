"""What each published delivery was judged to be, kept beside its staging: `data/judged/<kind>-<sha256>/`.

So a delivery can be weighed again, at another place or without its neighbours, as it was judged then,
whatever the rules say now.
"""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from akasa.validate.plan import Planned
from akasa.validate.rules import Parted
from akasa.workspace import files
from akasa.workspace.settings import Settings

_TABLES = ("accepted", "rejected")


@dataclass(frozen=True)
class Judged:
    """A delivery with its records parted into accepted, rejected and repeats."""

    delivery: Planned
    records: Parted

    def only(self, ids: "pd.Series[str]") -> "Judged":
        """Return it with the accepted records of some customers or orders, by their ids."""
        accepted = self.records.accepted
        of_them = accepted[accepted.iloc[:, 0].isin(ids)].reset_index(drop=True)
        return replace(self, records=replace(self.records, accepted=of_them))


def keep(settings: Settings, judged: Judged) -> None:
    """Keep a judgement in the place of an earlier one of the same delivery."""
    delivery, records = judged.delivery, judged.records
    folder = _folder(settings, delivery.kind, delivery.sha256)
    # First: without it, what lies in the folder is not whole, and is not read.
    (folder / "verdict.json").unlink(missing_ok=True)
    for name in _TABLES:
        with files.atomic(folder / f"{name}.parquet") as part:
            getattr(records, name).to_parquet(part)
    about = {"repeats": records.repeats, "warnings": records.warnings}
    about |= {"more_lines": records.more_lines, "more_rejected": records.more_rejected}
    about |= {"delivered_on": delivery.delivered_on.isoformat()}
    files.write_text(folder / "verdict.json", json.dumps(about) + "\n")


def recall(settings: Settings, delivery: Planned) -> Judged | None:
    """Return a delivery as it was judged for its day, or None where that was not kept."""
    folder = _folder(settings, delivery.kind, delivery.sha256)
    if not (folder / "verdict.json").exists():
        return None
    about = json.loads((folder / "verdict.json").read_text("utf-8"))
    if about["delivered_on"] != delivery.delivered_on.isoformat():
        return None
    accepted, rejected = (pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    lines = about.get("more_lines", 0), about.get("more_rejected", 0)
    return Judged(delivery, Parted(accepted, rejected, about["repeats"], about["warnings"], *lines))


def forget(settings: Settings, kind: str, sha256: str) -> None:
    shutil.rmtree(_folder(settings, kind, sha256), ignore_errors=True)


def _folder(settings: Settings, kind: str, sha256: str) -> Path:
    return settings.judged / f"{kind}-{sha256}"
