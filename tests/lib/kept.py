"""Runs of a moment: what they would have written is put into place and kept, without notebooks."""

import json
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.run import parameters, pipeline
from akasa.run.told import Ended
from akasa.workspace import promotion

AS_OF = date(2025, 11, 10)
STARTED = datetime(2025, 11, 11, 6, tzinfo=UTC)


def frame(kpi, *rows):
    """Return a KPI's canonical frame of literal rows, money in paise."""
    columns = DEFINITIONS[kpi].columns
    series = {
        name: pd.Series([row[place] for row in rows], dtype=DTYPES[kind])
        for place, (name, kind) in enumerate(columns.items())
    }
    return pd.DataFrame(series)


def run(settings, day, kpis=None, given=None, seconds=1.0, **written):
    """Promote a run that started on the nth day; return its name.

    `kpis` maps KPI → rows, `given` are parameters, and `written` maps further files' names, `_` for `/`, to
    texts; a page that names the day is always written.
    """
    typed = parameters.check(given or {})
    with promotion.private_folder(settings.output_dir) as folder:
        to_private = settings.model_copy(update={"output_dir": folder})
        frames = {kpi: frame(kpi, *(kpis or {}).get(kpi, ())) for kpi in DEFINITIONS}
        results.write_results(to_private, {"sql": frames}, AS_OF)
        for name, text in {"index.html": f"day {day}", **written}.items():
            path = folder / name.replace("_", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        started = STARTED + timedelta(days=day)
        one = pipeline.Run(settings, folder, given or {}, typed, print, "me", started, 0.0)
        one.ended.append(Ended("05_report", "done", seconds))
        one.promote()
    return said(settings)["run"]


def said(settings):
    return json.loads((settings.output_dir / "run.json").read_text("utf-8"))
