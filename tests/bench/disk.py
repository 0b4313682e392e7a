"""What the warehouse takes of the disk after 30 and 60 daily runs, beside what its rows take."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from lib import disk, drops

from akasa.stores import migrate
from akasa.workspace.settings import Settings

CUSTOMERS, DAY_ORDERS = 20_000, 3_000
FIRST_DAY = date(2025, 1, 1)


def measure(
    folder: Path, after: Sequence[int] = (30, 60), customers: int = CUSTOMERS, orders: int = DAY_ORDERS
) -> list[dict[str, Any]]:
    """Return a row for each number of days: MB of the rows, MB of all files, their ratio.

    Every day all customers are delivered anew, and some of them have moved. Nothing is retained.
    """
    settings = Settings(data_dir=folder / "data", output_dir=folder / "outputs", warehouse_retention_days=0)
    migrate.upgrade(settings)
    rows = []
    for number in range(1, max(after) + 1):
        _deliver(settings.incoming, number, customers, orders)
        drops.run(settings, FIRST_DAY + timedelta(days=number))
        if number in after:
            live, everything = disk.taken(settings)
            mb = {"live_mb": round(live / 1e6, 2), "disk_mb": round(everything / 1e6, 2)}
            rows.append({"what": f"after {number} days", **mb, "ratio": round(everything / live, 2)})
    return rows


def _deliver(incoming: Path, number: int, customers: int, orders: int) -> None:
    incoming.mkdir(parents=True, exist_ok=True)
    day = FIRST_DAY + timedelta(days=number)
    several = pd.RangeIndex(customers)
    frame = pd.DataFrame({"customer_id": [f"CUST-{n:06d}" for n in several]}, dtype="str")
    regions = ["South" if n % 97 == number % 97 else "North" for n in several]
    mobiles = [str(9_000_000_000 + n) for n in several]
    frame = frame.assign(
        customer_name=[f"Asha Rao {n}" for n in several], mobile_number=mobiles, region=regions
    )
    frame.to_csv(incoming / f"customers_{day}.csv", index=False)
    lines = [
        (
            f"ORD-{day}-{n:05d}",
            str(9_000_000_000 + (n * 7919 + number * 104_729) % customers),
            f"{day}T{n % 24:02d}:{n * 31 % 60:02d}:{n * 17 % 60:02d}",
            f"SKU-{sku}",
            1 + n % 3,
            f"{(n * 7919 + number) % 10_000}.{n % 100:02d}",
        )
        for n in range(orders)
        for sku in (1, 2)
    ]
    (incoming / f"orders_{day}.xml").write_bytes(drops.orders(*lines))
