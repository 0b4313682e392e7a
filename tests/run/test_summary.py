"""What a scheduler shows of a run and of a failure."""

from datetime import date

import pandas as pd
from lib import promoting

from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.run import summary
from akasa.run.told import Ended, StepFailed
from akasa.workspace.settings import Settings

FRAMES = {
    kpi: pd.DataFrame({column: pd.Series(dtype=DTYPES[kind]) for column, kind in one.columns.items()})
    for kpi, one in DEFINITIONS.items()
} | {
    "monthly_trends": pd.DataFrame(
        {"year": [2025], "month": [10], "order_count": [3], "total_revenue": [12_345_650]}
    )
}
ENDED = [
    Ended("01_ingest", "up to date", 0.0),
    Ended("02_validate", "done", 1.23456, "9876543210.csv is new"),
]


def shown(settings):
    promoting.promote(settings.output_dir, {"index.html": ""}, "R-1")
    results.write_results(settings, {"sql": FRAMES}, date(2025, 10, 31))
    return summary.of_run(settings, ENDED, settings.output_dir / "index.html")


def test_a_run_is_shown_with_its_page_steps_and_kpis_that_name_nobody(workspace):
    told = shown(workspace)
    assert f"[index.html]({(workspace.output_dir / 'index.html').as_uri()})" in told.markdown
    assert told.steps[0] == {"step": "01_ingest", "status": "up to date", "seconds": 0.0, "because": ""}
    assert told.steps[1]["seconds"] == 1.235
    assert told.kpis == {
        "monthly_trends": [{"year": 2025, "month": 10, "order_count": 3, "total_revenue": "₹1,23,456.50"}],
        "regional_revenue": [],
    }
    assert {type(value) for value in told.kpis["monthly_trends"][0].values()} == {int, str}


def test_a_published_run_is_shown_where_its_readers_find_it(workspace):
    told = shown(workspace.model_copy(update={"publish_url": "s3://akasa/outputs"}))
    assert "(s3://akasa/outputs/R-1/index.html)" in told.markdown


def test_numbers_are_masked_where_that_is_asked_for(workspace, monkeypatch):
    monkeypatch.setenv("MASK_PII", "1")
    assert shown(Settings()).steps[1]["because"] == "98xxxxxx10.csv is new"


def test_a_failure_is_shown_with_its_cause_its_notebook_and_the_ways_out(tmp_path):
    said = "incoming/orders.xml: 40 of 100 rejected; set MAX_REJECT_RATIO=0.41 to let it through"
    failure = StepFailed("02_validate", f"GateStopped: {said}", tmp_path / "02_validate.html")
    assert summary.cause(failure) == f"02_validate: GateStopped: {said}"
    told = summary.of_failure(failure)
    assert f"[its notebook]({(tmp_path / '02_validate.html').as_uri()})" in told
    assert "- mend the delivery, then run it again\n" in told
    assert told.endswith("- or let it through: run it again with `max_reject_ratio=0.41`")


def test_a_missing_delivery_is_told_without_quotes():
    assert (
        summary.cause(LookupError("there is no delivery 'x.xml'"))
        == "LookupError: there is no delivery 'x.xml'"
    )
