"""Cleaning and judging order lines, beside a plain vectorised pass that only parses the same columns."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from akasa.validate import cleaning, profiling, rules
from bench.harness import Clock, race

Answer = tuple[int, int]


def measure(staged: Path, runs: int) -> list[dict[str, Any]]:
    """Return the rows of `harness.race` on a staged delivery of which every line is good."""
    contenders: dict[str, Callable[..., Answer]] = {"plain pass": plain_pass, "akasa clean + rules": ours}
    contenders["akasa clean + rules + profile"] = profiled
    return race(contenders, (staged,), runs, pq.read_metadata(staged).num_rows)


def plain_pass(clock: Clock, staged: Path) -> Answer:
    """Parse clean text as pandas does it at once: nothing is checked, nothing is turned away."""
    raw = pq.read_table(staged).to_pandas()
    with clock:
        lines = pd.DataFrame(
            {
                "order_id": raw["order_id"].str.strip(),
                "mobile_number": raw["mobile_number"].str.replace(r"\D", "", regex=True).str[-10:],
                "order_date_time": pd.to_datetime(raw["order_date_time"], format="ISO8601"),
                "sku_id": raw["sku_id"].str.strip(),
                "sku_count": pd.to_numeric(raw["sku_count"]),
                "total_amount_paise": (pd.to_numeric(raw["total_amount"]) * 100).round().astype("int64"),
            }
        )
        lines["order_date"] = lines["order_date_time"].dt.normalize()
    return len(lines), int(lines["total_amount_paise"].sum())


def profiled(clock: Clock, staged: Path) -> Answer:
    """The same, as a run does it: from columns in which each distinct text stands once, with a profile."""
    raw = pq.read_table(staged)
    with clock:
        encoded = cleaning.encode(raw, profiling.FIELDS["orders"])
        clean = cleaning.clean_orders(encoded)
        found = profiling.profile("orders", encoded, clean)
        judged = rules.judge_orders(raw, clean, date(2030, 1, 1))
    assert found.columns["total_amount"].filled == len(raw)
    return len(judged.accepted), int(judged.accepted["total_amount_paise"].sum())


def ours(clock: Clock, staged: Path) -> Answer:
    raw = pq.read_table(staged)
    with clock:
        judged = rules.judge_orders(raw, cleaning.clean_orders(raw), date(2030, 1, 1))
    assert judged.rejected.empty, judged.rejected.head()
    return len(judged.accepted), int(judged.accepted["total_amount_paise"].sum())
