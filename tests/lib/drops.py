"""Drop folders from literal rows, and the road from them to published tables, as 01 and 02 go it."""

from datetime import date

import pandas as pd

from akasa.ingest import staging
from akasa.publish import road

TODAY = date(2025, 11, 15)


def customers(*rows):
    """Return the bytes of a customers CSV of (customer_id, mobile_number, region)."""
    lines = [f"{customer_id},Name of {customer_id},{mobile},{region}" for customer_id, mobile, region in rows]
    return "\n".join(["customer_id,customer_name,mobile_number,region", *lines, ""]).encode()


def orders(*lines):
    """Return the bytes of an orders XML of (order_id, mobile_number, time, sku_id, sku_count, total)."""
    fields = ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount")
    records = ["".join(f"<{f}>{v}</{f}>" for f, v in zip(fields, line, strict=True)) for line in lines]
    return f"<orders>{''.join(f'<order>{record}</order>' for record in records)}</orders>".encode()


def repair(*lines):
    """Return an orders XML, a record a line, of (what it repairs, line of `orders`)."""
    texts = [orders(line).decode().partition("<order>")[2].partition("</order>")[0] for _, line in lines]
    marks = [f"<akasa_repairs>{mark}</akasa_repairs>" if mark else "" for mark, _ in lines]
    own = [f"<order>{mark}{text}</order>" for mark, text in zip(marks, texts, strict=True)]
    return "\n".join(["<orders>", *own, "</orders>"]).encode()


def deliver(cfg, *deliveries):
    """Put files into the drop folders: names relative to the data folder, and bytes."""
    for name, content in deliveries:
        path = cfg.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def run(cfg, run_date=TODAY):
    """Ingest and publish as notebooks 01 and 02 do, unaudited, no gate; return delivery → status."""
    staging.stage_all(cfg)
    lenient = cfg.model_copy(update={"max_reject_ratio": 1.0})
    return {one.name: one.status for one in road.publish(lenient, run_date, auditor=no_audit)}


def no_audit(settings, tables, *_):
    """Stand for the audit, which takes longer than all the rest of a small publish."""
    return pd.DataFrame({"success": pd.Series(dtype=bool), "severity": pd.Series(dtype=str)})
