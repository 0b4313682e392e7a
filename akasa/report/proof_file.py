"""`outputs/proof.json`: by which engines and totals the numbers were proved, for programs."""

import json
from pathlib import Path
from typing import Any

from akasa.kpis.reconcile import Proof
from akasa.report import shown
from akasa.workspace import files
from akasa.workspace.settings import Settings

NAME = "proof.json"


def write(settings: Settings, proof: Proof) -> None:
    """Write what was proved to the output folder."""
    files.write_text(
        settings.output_dir / NAME, json.dumps(content(proof), indent=1, ensure_ascii=False) + "\n"
    )


def read(folder: Path) -> dict[str, Any]:
    """Return what a run proved that wrote to the folder, as `content` gives it."""
    found: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
    return found


def content(proof: Proof) -> dict[str, Any]:
    """Return the engines, the number of differences, and the control totals.

    A total has a name, the values of its two sides (counts, or paise), by side, and whether they tie.
    """
    return {
        "engines": list(proof.results),
        "differences": len(proof.differences),
        "totals": [
            {
                "name": row.check,
                "values": {row.left: _whole(row.left_value), row.right: _whole(row.right_value)},
                "ties": bool(row.ties),
            }
            for row in shown.table(proof.totals).itertuples()
        ],
    }


def _whole(value: Any) -> int:
    """Return a total as a number; where mobile numbers are masked, it was written in groups of digits."""
    return int(str(value).replace(",", ""))
