"""Runs without notebooks that compare each with the one before: ingest, publish, compute by SQL, compare."""

import uuid
from datetime import UTC, datetime

import pandas as pd
from lib import drops

from akasa import changes
from akasa.kpis import engines
from akasa.kpis.reconcile import Proof
from akasa.kpis.results import Parameters


def run(cfg, name="run", run_date=drops.TODAY, **given):
    """Publish what lies there, and return what has changed since the run before."""
    drops.run(cfg, run_date)
    return compared(cfg, name, **given)


def compared(cfg, name="run", as_of=None, window_days=30, top_n=10):
    """Return what has changed since the run before; the next one compares with this one."""
    private = cfg.output_dir / f".run-{uuid.uuid4().hex}"
    own = cfg.model_copy(update={"output_dir": private})
    found = changes.since_last_run(
        own, proof(cfg, as_of, window_days, top_n), datetime(2025, 11, 12, tzinfo=UTC)
    )
    changes.put_in_place(cfg, private, name)
    return found


def proof(cfg, as_of=None, window_days=30, top_n=10):
    """Return what SQL computes, as if it had been proved."""
    day = engines.last_day(cfg, "sql", as_of)
    given = Parameters(day.isoformat() if day else None, window_days, top_n)
    found = engines.compute(cfg, "sql", day, window_days, top_n)
    return Proof(found, given, pd.DataFrame(), pd.DataFrame({"ties": [True]}))
