"""What the audits found, kept below DATA_DIR, `data/audits/000001.json` and so on, for whoever tells of it.

What a page shows of them is masked where that is asked for; here it stands as it was found.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from akasa.validate.suites import Severity
from akasa.workspace import files, masking
from akasa.workspace.settings import Settings

SHOWN = 30  # audits; earlier ones stay in the folder
_NAME = re.compile(r"\d{6,}\.json")


@dataclass(frozen=True)
class Finding:
    """What was found of one check.

    `unexpected` rows are against it; the first of them are `examples`, each the texts of `shown` columns.
    `error` is what kept the check from being asked at all. Where it is `critical`, the run was stopped.
    """

    table: str
    expectation: str
    columns: tuple[str, ...]
    words: str
    protects: str
    reasons: tuple[str, ...]
    success: bool
    unexpected: int
    shown: tuple[str, ...] = ()
    examples: tuple[tuple[str, ...], ...] = ()
    error: str = ""
    severity: Severity = "critical"


@dataclass(frozen=True)
class Audit:
    """One audit: when it was made (UTC), and of how many `rows` of which tables.

    `deliveries` are those whose rows were to be published; none where all that is published was audited.
    `max_reject_ratio` and `max_replaced_ratio` are what the gate allowed them.
    """

    made: datetime
    deliveries: tuple[str, ...]
    max_reject_ratio: float
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]
    number: int = 0
    max_replaced_ratio: float = 1.0

    @property
    def broken(self) -> tuple[Finding, ...]:
        """What stops a run."""
        return tuple(one for one in self.findings if not one.success and one.severity == "critical")

    @property
    def warned(self) -> tuple[Finding, ...]:
        """What does not hold, and is told."""
        return tuple(one for one in self.findings if not one.success and one.severity == "warning")

    def of(self, table: str) -> "Audit":
        """Return what it says of one table."""
        findings = tuple(one for one in self.findings if one.table == table)
        return replace(self, rows={table: self.rows[table]}, findings=findings)


@files.private()
def keep(settings: Settings, audit: Audit) -> None:
    """Keep an audit, behind all others; its number follows from that."""
    folder = settings.audits
    folder.mkdir(parents=True, exist_ok=True)
    last = max((int(file.stem) for file in _kept(folder)), default=0)
    file = next(file for n in count(last + 1) if _is_new(file := folder / f"{n:06d}.json"))
    about = asdict(audit) | {"made": audit.made.isoformat(), "number": int(file.stem)}
    files.write_text(file, json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def latest(settings: Settings, most: int = SHOWN) -> list[Audit]:
    """Return the audits that are kept, the latest first. Raises ValueError that names a damaged file."""
    return [_read(settings, file) for file in _written(settings)[: -most - 1 : -1]]


def are_kept(settings: Settings) -> bool:
    return bool(_written(settings))


def masked(audit: Audit) -> Audit:
    """Return an audit without the mobile numbers in its examples and in the names of its deliveries."""
    return replace(
        audit,
        deliveries=tuple(map(masking.text, audit.deliveries)),
        findings=tuple(_masked(one) for one in audit.findings),
    )


def _masked(finding: Finding) -> Finding:
    ways = [masking.number if column == "mobile_number" else masking.text for column in finding.shown]
    rows = [tuple(way(value) for way, value in zip(ways, row, strict=True)) for row in finding.examples]
    return replace(finding, examples=tuple(rows), error=masking.text(finding.error))


def _kept(folder: Path) -> list[Path]:
    found = (file for file in folder.glob("*.json") if _NAME.fullmatch(file.name))
    return sorted(found, key=lambda file: int(file.stem))


def _written(settings: Settings) -> list[Path]:
    return [file for file in _kept(settings.audits) if file.stat().st_size]  # empty: it was cut short


def _is_new(file: Path) -> bool:
    """Take a name, unless another process has it."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _read(settings: Settings, file: Path) -> Audit:
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        made = datetime.fromisoformat(found.pop("made"))
        findings = tuple(Finding(**_tuples(one)) for one in found.pop("findings"))
        return Audit(made=made, findings=findings, **_tuples(found))
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{settings.label(file)} is no audit that akasa wrote; remove it") from None


def _tuples(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuple(one) if isinstance(one, list) else one for one in values)
