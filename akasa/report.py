"""What the report says beyond the KPIs: its bottom line, what was turned away, whose number changed hands."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from akasa import database, outputs, rejects, warehouse, wording
from akasa.kpis import memory
from akasa.kpis.definitions import DEFINITIONS
from akasa.settings import Settings

_READERS = {"sql": outputs.read_json, "pandas": outputs.read_csv, "dask": outputs.read_csv}
_MATCHED = "mobile_number in (select mobile_number from customers)"
_COUNTED = "select count(*) as orders, coalesce(sum(total_amount_paise), 0) as paise from orders"


def file_name(engine: str, kpi: str) -> str:
    """Return the output file of an engine's KPI: `sql_<kpi>.json`, `pandas_<kpi>.csv`, `dask_<kpi>.csv`."""
    return f"{engine}_{kpi}.{'json' if engine == 'sql' else 'csv'}"


def write_results(settings: Settings, results: Mapping[str, Mapping[str, pd.DataFrame]]) -> list[str]:
    """Write every engine's KPIs to the output folder; return the files' labels."""
    written = []
    for engine, frames in results.items():
        write = outputs.write_json if engine == "sql" else outputs.write_csv
        for kpi, frame in frames.items():
            path = settings.output_dir / file_name(engine, kpi)
            write(path, kpi, frame)
            written.append(settings.label(path))
    return written


def read_results(settings: Settings, engines: tuple[str, ...]) -> dict[str, dict[str, pd.DataFrame]]:
    """Return engine → KPI → frame as the output files have it, money in paise.

    Raises FileNotFoundError that names the missing file and the notebook that writes it.
    """
    return {
        engine: {
            kpi: _READERS[engine](settings.output_dir / file_name(engine, kpi), kpi) for kpi in DEFINITIONS
        }
        for engine in engines
    }


def bottom_line(
    settings: Settings,
    results: Mapping[str, Mapping[str, pd.DataFrame]],
    as_of: date | None,
    refused: int,
    agree: bool,
) -> pd.DataFrame:
    """Return the numbers that a manager asks for first, one a row, under `answer`."""
    day = as_of.isoformat() if as_of else None
    total = database.query(f"{_COUNTED} where order_date <= :as_of", settings, as_of=day).iloc[0]
    customers = int(database.query("select count(*) as n from customers", settings)["n"][0])
    ledger = database.ledger(settings)
    records, rejected = int(ledger["records"].sum()), int(ledger["rejected"].sum())
    files = f", {refused} of the delivered files refused" if refused else ""
    rows = {
        "Up to": as_of.strftime("%d %B %Y") if as_of else "no orders yet",
        "Customers": wording.indian_count(customers),
        "Orders": wording.indian_count(int(total["orders"])),
        "Revenue": wording.indian(int(total["paise"])),
        "Repeat customers": _repeat_share(settings, len(results["sql"]["repeat_customers"]), day),
        "Turned away": f"{wording.indian_count(rejected)} of {wording.indian_count(records)} records{files}",
        "Engines agree": f"{'yes' if agree else 'NO'} ({', '.join(results)})",
    }
    return pd.DataFrame({"answer": rows.values()}, index=pd.Index(rows.keys()))


def turned_away(settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ledger's counts by delivery, and its rejected records by reason."""
    ledger = database.ledger(settings)
    counts = ledger[["name", "records", "accepted", "rejected", "repeats"]]
    files = [rejects.path(settings.rejects, row.name, row.sha256) for row in ledger.itertuples(index=False)]
    return counts, rejects.by_reason(files)


def unmatched_orders(settings: Settings, as_of: date | None) -> pd.DataFrame:
    """Return orders up to `as_of` of unknown numbers: order_id, mobile_number, order_date, total."""
    found = database.query(
        "select order_id, mobile_number, order_date, total_amount_paise from orders "
        f"where order_date <= :as_of and not {_MATCHED} order by order_id",
        settings,
        as_of=as_of.isoformat() if as_of else None,
    )
    return found.assign(total=found.pop("total_amount_paise").map(wording.indian).astype("str"))


def changed_hands(settings: Settings) -> pd.DataFrame:
    """Return customers who lost their number: customer_id, customer_name, mobile_number, held_by."""
    customers = warehouse.customers(settings)
    holder = memory.holders(customers).set_index("mobile_number")["customer_id"]
    held_by = customers["mobile_number"].map(holder)
    lost = customers.assign(held_by=held_by)[customers["customer_id"] != held_by].sort_values("customer_id")
    return lost[["customer_id", "customer_name", "mobile_number", "held_by"]].reset_index(drop=True)


def _repeat_share(settings: Settings, repeat: int, day: str | None) -> str:
    """Say how many of the known customers with an order have more than one; per mille, rounded half up."""
    sql = f"select count(distinct mobile_number) as n from orders where order_date <= :as_of and {_MATCHED}"
    buyers = int(database.query(sql, settings, as_of=day)["n"][0])
    if not buyers:
        return "none has ordered yet"
    per_mille = (2000 * repeat + buyers) // (2 * buyers)
    share = f"{per_mille / 10:.1f} %"
    return f"{wording.indian_count(repeat)} of {wording.indian_count(buyers)} who ordered ({share})"
