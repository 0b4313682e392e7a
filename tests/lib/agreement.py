"""What stands in both stores, and what engines compute from them, beside what the reference says."""

from datetime import timedelta

import pandas as pd
from lib import reference, stores

from akasa.kpis import engines, reconcile
from akasa.stores import database
from akasa.validate import quarantine


def published(cfg):
    """Return what stands in both stores in the form of `reference.publish`, holdings in place of claims."""
    rows = stores.rows(cfg)
    ledger = database.ledger(cfg)
    name = dict(zip(ledger["delivery_id"], ledger["name"], strict=True))
    items = {}
    for order_id, sku_id, count, amount, delivery in rows["order_items"]:
        amounts = {} if amount is None else {"amount_paise": amount}
        items.setdefault((order_id, delivery), {})[sku_id] = {"sku_count": count, **amounts}
    return {
        "customers": {
            row[0]: {
                "delivery": name[row[4]],
                "customer_name": row[1],
                "mobile_number": row[2],
                "region": row[3],
            }
            for row in rows["customers"]
        },
        "orders": {
            row[0]: {
                "delivery": name[row[5]],
                "mobile_number": row[1],
                "order_date_time": row[2].to_pydatetime(),
                "order_date": row[3].date(),
                "total_amount_paise": row[4],
                "items": items.pop((row[0], row[5])),
            }
            for row in rows["orders"]
        },
        "items of no order": items,
        "holdings": [row[:4] for row in stores.holdings(cfg)],
        "ledger": ledger[["name", "records", "accepted", "rejected", "repeats"]].to_dict("records"),
    }


def plain(content):
    """Return what the reference published in the form of `published`."""
    return {
        "customers": {
            key: {f: v for f, v in row.items() if f != "rank"} for key, row in content["customers"].items()
        },
        "orders": content["orders"],
        "items of no order": {},
        "holdings": reference.holdings(content["claims"]),
        "ledger": [{f: v for f, v in row.items() if f != "rejects"} for row in content["ledger"]],
    }


def records(frames):
    """Return an engine's frames as the reference writes them: lists of dicts, dates as ISO text."""
    return {kpi: [_record(row) for row in frame.to_dict("records")] for kpi, frame in frames.items()}


def _record(row):
    return {
        name: f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else value for name, value in row.items()
    }


def turned_away(cfg):
    """Return delivery → its records in the quarantine with their reasons."""
    found = {}
    for row in database.ledger(cfg).itertuples():
        files = quarantine.files(cfg.quarantine, row.sha256)
        kept = [quarantine.read(file) for file in files]
        found[row.name] = [
            (int(r.record), set(r.reasons.split())) for frame in kept for r in frame.itertuples()
        ]
    return found


def require(cfg, content, days_before=0):
    """Assert that stores, quarantine, control totals and the KPIs of every engine are what `content` says.

    KPIs are computed up to so many days before the latest order, also for narrower windows then.
    """
    assert published(cfg) == plain(content)
    assert turned_away(cfg) == {row["name"]: row["rejects"] for row in content["ledger"]}
    latest = database.latest_order_date(cfg)
    assert latest == max((order["order_date"] for order in content["orders"].values()), default=None)
    as_of = latest and latest - timedelta(days_before)
    window_days, top_n = (2, 1) if days_before else (30, 10)
    found = engines.compute(cfg, "sql", as_of, window_days, top_n)
    found |= engines.compute(cfg, "both", as_of, window_days, top_n)
    expected = reference.kpis(content, as_of, window_days, top_n)
    assert {engine: records(frames) for engine, frames in found.items()} == dict.fromkeys(found, expected)
    totals = reconcile.control_totals(found, as_of, cfg)
    assert totals["ties"].all(), totals[~totals["ties"]].to_string()
