"""Deliveries of a few records, staged and judged: all that is kept of them."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from akasa.ingest import readers, staging
from akasa.validate import judging, plan, verdicts
from akasa.workspace import rows

DAY, NOW = date(2025, 11, 15), datetime(2025, 11, 16)
FIELDS = {"customers": readers.CUSTOMER_FIELDS, "orders": readers.ORDER_FIELDS}


def stage(cfg, kind, found):
    """Stage records, a few in each group of rows; return the delivery."""
    shape = readers.records.schema(FIELDS[kind])
    made = [{**r, "malformed": "broken" if r["malformed"] else None, "raw": None} for r in found]
    delivery = plan.Planned(f"{kind}.file", kind, "0" * 64, "new", "0", DAY)
    there = staging.path(cfg.staging, kind, delivery.sha256)
    there.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(made, shape), there, row_group_size=7)
    return delivery


def judged(cfg, delivery, part_rows, monkeypatch):
    """Return a judgement in parts of so many records, and all that is kept of it: file → bytes."""
    monkeypatch.setattr(rows, "PART_ROWS", part_rows)
    found = judging.judge_one(cfg, delivery)
    verdicts.prepare(cfg, found, NOW)
    folder = cfg.judged / "arriving" / f"{delivery.kind}-{delivery.sha256}"
    files = [*folder.iterdir(), *cfg.profiles.iterdir()]
    return found, {file.name: file.read_bytes() for file in files}
