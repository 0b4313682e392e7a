"""The metrics of the last run, as a text file that Prometheus' node exporter reads from a folder."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from akasa.ingest import staging
from akasa.run.told import Ended
from akasa.stores import database, warehouse
from akasa.workspace import files, secrets
from akasa.workspace.settings import Settings
from akasa.workspace.tables import TABLES

SUCCESS_AT = "akasa_last_success_timestamp_seconds"
_OUTCOMES = {"accepted": "accepted", "rejected": "rejected", "repeats": "repeat"}
HELP = {
    "akasa_last_run_timestamp_seconds": "When the last run ended, done or failed.",
    "akasa_last_run_success": "1: the last run put its report in place; 0: it failed or was stopped.",
    SUCCESS_AT: "When the last run ended that put its report in place.",
    "akasa_last_run_seconds": "How long the last run took.",
    "akasa_step_seconds": "How long each step of the last run took that came to its end.",
    "akasa_rows": "Published rows.",
    "akasa_deliveries": "Published deliveries.",
    "akasa_records": "Records of the published deliveries, by what became of them.",
    "akasa_refused_files": "Files that could not be read as a whole, when the last run looked.",
    "akasa_latest_delivery_timestamp_seconds": "When the latest delivery was published.",
    "akasa_freshness_seconds": "Seconds from the latest published delivery to the end of the last run.",
}
Sample = tuple[str, Mapping[str, str], float]


def write(settings: Settings, success: bool, seconds: float, steps: Sequence[Ended]) -> None:
    """Write METRICS_FILE anew, whole or not at all. A run does not fail for it: a warning says why it lacks.

    A run that failed keeps the time of the last success. What cannot be asked for is left out, not zero.
    """
    file, now = settings.metrics_file, time.time()
    if file is None:
        return
    success_at = now if success else last_success(file)
    samples: list[Sample] = [
        ("akasa_last_run_timestamp_seconds", {}, now),
        ("akasa_last_run_success", {}, float(success)),
        *([(SUCCESS_AT, {}, success_at)] if success_at else []),
        ("akasa_last_run_seconds", {}, seconds),
        *(("akasa_step_seconds", {"step": one.step}, one.seconds) for one in steps),
    ]
    try:
        samples += _published(settings, now)
    except Exception as error:  # a database that is away, or not whole: the run has said so, if it asked
        _warn(f"what is published is not among the metrics: {_first_line(error)}")
    try:
        with files.atomic(file) as part:
            part.write_bytes(_text(samples))
    except OSError as error:
        _warn(f"METRICS_FILE cannot be written: {_first_line(error)}")


def last_success(file: Path) -> float | None:
    """Return when the last run succeeded, as the file says that is there; None where it does not."""
    try:
        families = list(text_string_to_metric_families(file.read_text("utf-8")))
    except (OSError, ValueError):
        return None
    found = [sample.value for family in families for sample in family.samples if sample.name == SUCCESS_AT]
    return found[0] if found else None


def _published(settings: Settings, now: float) -> Iterator[Sample]:
    if (settings.staging / "manifest.json").exists():
        yield "akasa_refused_files", {}, len(staging.read_manifest(settings).refused)
    if not database.exists(settings):
        return
    ledger = database.ledger(settings)
    for kind, of_kind in ledger.groupby("kind"):
        yield "akasa_deliveries", {"kind": str(kind)}, len(of_kind)
        for column, outcome in _OUTCOMES.items():
            yield "akasa_records", {"kind": str(kind), "outcome": outcome}, float(of_kind[column].sum())
    for table in (table for table in TABLES if warehouse.exists(settings, table)):
        yield "akasa_rows", {"table": table}, warehouse.count(table, settings)
    if len(ledger):
        latest = datetime.fromisoformat(ledger["published_at"].max()).replace(tzinfo=UTC).timestamp()
        yield "akasa_latest_delivery_timestamp_seconds", {}, latest
        yield "akasa_freshness_seconds", {}, now - latest


def _text(samples: Sequence[Sample]) -> bytes:
    registry, gauges = CollectorRegistry(), dict[str, Gauge]()
    for name, labels, value in samples:
        if name not in gauges:
            gauges[name] = Gauge(name, HELP[name], list(labels), registry=registry)
        (gauges[name].labels(**labels) if labels else gauges[name]).set(value)
    return generate_latest(registry)


def _first_line(error: Exception) -> Any:
    return secrets.hide(str(error).strip().partition("\n")[0]) or type(error).__name__


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
