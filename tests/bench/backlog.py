"""What lay in the drop folder while nobody looked: one delivery, or many in one run, and their memory."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from akasa.ingest import generate, staging
from akasa.publish import road
from akasa.run import kernel
from akasa.stores import database
from akasa.workspace.settings import Settings
from bench.harness import Clock, race

FIRST_DAY = date(2025, 1, 1)
AN_ORDER_HAS_LINES = 2


def measure(folder: Path, lines: int, backlogs: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return a row of `harness.race` for one delivery, and for each backlog; `ratio` is that of the peaks.

    It is read, judged, audited and published in one run of one process, onto nothing, with a kernel's
    settings of memory. A delivery has about so many lines, of orders of its own.
    """
    rows: list[dict[str, Any]] = []
    for number in (1, *backlogs):
        place = folder / str(number)
        deliver(place, lines, number)
        with patch.dict(os.environ, kernel.MEMORY):
            (row,) = race({f"a backlog of {number}": publish}, (place,), 1, lines * number)
        ratio = row["peak_mb"] / rows[0]["peak_mb"] if rows else 1
        rows.append({**row, "ratio": round(ratio, 2)})
    return rows


def deliver(place: Path, lines: int, number: int) -> None:
    """Write so many days of orders, each of which numbers its own, and customers with the first."""
    incoming = place / "data" / "incoming"
    for day in range(number):
        made, name = place / "made", FIRST_DAY + timedelta(days=day)
        orders = lines // AN_ORDER_HAS_LINES
        generate.generate(made, orders=orders, customers=orders // 10, seed=1, ending=name, days=1)
        incoming.mkdir(parents=True, exist_ok=True)
        text = (made / "orders.xml").read_bytes().replace(b"<order_id>", f"<order_id>{day:04d}-".encode())
        (incoming / f"orders_{name}.xml").write_bytes(text)
        if not day:
            (made / "customers.csv").rename(place / "data" / "customers.csv")


def publish(clock: Clock, place: Path) -> bool:
    """Publish all that lies there; say whether all accepted lines of all days did."""
    settings = Settings(data_dir=place / "data", output_dir=place / "outputs")
    with clock:
        staging.stage_all(settings)
        road.publish(settings)
    ledger = database.ledger(settings)
    # Beside the clock and not by `database.query`, so that it adds nothing to the peak.
    with database.connection(settings) as opened:
        items = opened.exec_driver_sql("select count(*) from order_items").scalar_one()
    accepted = ledger[ledger["kind"] == "orders"]["accepted"].sum()
    return bool(items == accepted and accepted > 0)
