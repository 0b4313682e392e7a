"""What a run does at its end with the files of engines that it left out."""

import time
from datetime import UTC, date, datetime

import nbformat
import pandas as pd
import pytest
from lib import aws

from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.run import notebook, pipeline
from akasa.run.told import StepFailed
from akasa.workspace import promotion, secrets_manager, settings

AS_OF = date(2025, 11, 10)
NONE = {
    kpi: pd.DataFrame({column: pd.Series(dtype=DTYPES[kind]) for column, kind in one.columns.items()})
    for kpi, one in DEFINITIONS.items()
}
STALE = NONE | {
    "monthly_trends": pd.DataFrame({"year": [2025], "month": [1], "order_count": [1], "total_revenue": [100]})
}


def promoted(settings, name, **engines):
    """Promote what a run of these engines wrote."""
    with promotion.private_folder(settings.output_dir) as folder:
        to_private = settings.model_copy(update={"output_dir": folder})
        results.write_results(to_private, engines, AS_OF)
        run = pipeline.Run(settings, folder, {}, {}, print, name, datetime.now(UTC), time.monotonic())
        return run.promote()


def test_a_run_has_the_limits_of_its_settings(workspace):
    settings = workspace.model_copy(update={"cell_timeout": 7, "run_timeout": 11})
    before = time.monotonic()
    with pipeline.begin(settings, {}, print) as run:
        assert (run.limits.cell, run.limits.run) == (7, 11)
        assert before <= run.limits.began <= time.monotonic()


def test_unmasked_files_of_the_run_that_is_in_place_are_kept_and_no_others(workspace):
    """Of a killed run too, nothing is left; and an unmasked run leaves none."""
    masked = workspace.model_copy(update={"mask_pii": True})
    promoted(masked, "first", sql=NONE)
    assert (masked.exact / "sql_top_spenders.json").exists()
    (masked.exact.parent / ".run-killed").mkdir()
    (masked.exact.parent / ".run-killed/sql_top_spenders.json").touch()
    with pipeline.begin(masked, {}, print):
        assert [path.name for path in masked.exact.parent.iterdir()] == ["outputs"]
    promoted(workspace, "second", sql=NONE)
    assert list(workspace.exact.parent.iterdir()) == []


def dask_files(settings):
    return {path.name for path in settings.output_dir.iterdir() if "dask" in path.name}


@pytest.fixture
def both(workspace):
    """Outputs of a run with Dask, whose months are no longer true."""
    promoted(workspace, "first", sql=STALE, dask=STALE)
    return workspace


def test_what_a_run_wrote_stays_only_while_it_is_true(both, capsys):
    assert promoted(both, "second", sql=NONE, pandas=NONE) == both.output_dir / "index.html"
    assert dask_files(both) == {
        *("dask_regional_revenue.csv", "dask_repeat_customers.csv", "dask_top_spenders.csv"),
        "parameters.dask.json",
    }
    assert capsys.readouterr().err == ""


def test_what_no_run_wrote_stays_and_is_warned_of(both, capsys):
    file = both.output_dir / "dask_monthly_trends.csv"
    file.write_text(file.read_text().replace("1.00", "2.00"))
    promoted(both, "second", sql=NONE, pandas=NONE)
    assert file.exists()
    assert file.name not in promotion.listed(both.output_dir)
    said = capsys.readouterr().err
    assert said == f"warning: {file.name} says something else, but no run wrote it, so it stays\n"


def test_its_kernels_know_what_it_read_from_aws_and_show_none_of_it(workspace, monkeypatch, tmp_path):
    """And that is asked for once, however many kernels there are."""
    cells = ["import akasa as ak; cfg = ak.settings(); cfg.db_user", "cfg.db_password.get_secret_value()"]
    cells.append("import os; print(os.environ)")
    monkeypatch.setattr(notebook, "NOTEBOOKS", tmp_path)
    new = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=new), tmp_path / "01_small.ipynb")
    held = aws.secret('{"DB_USER": "of-aws", "DB_PASSWORD": "canary-password"}')
    monkeypatch.setenv("AWS_SECRET_NAME", "prod/akasa")
    secrets_manager.forget()
    with aws.answering(held) as (endpoint, asked):
        aws.lead_to(monkeypatch, endpoint)
        with pipeline.begin(settings.load(), {}, print) as run:
            executed = run.folder / "notebooks/01_small.ipynb"
            given = {}, executed, lambda cell, cells: None, run.environment, run.kernels
            notebook.execute("01_small", *given)
            shown = executed.read_text("utf-8")
        told = secrets_manager.to_hand_down()
    secrets_manager.forget()
    assert len(asked) == 1
    assert "'of-aws'" in shown
    assert "'***'" in shown
    assert "canary" not in shown
    assert told[secrets_manager.VARIABLE] not in shown


def test_what_a_failed_step_wrote_is_its_own_again_when_it_is_run_again(workspace, monkeypatch):
    tries = []

    def execute(step, given, executed, *_):
        executed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(), executed)
        (executed.parent.parent / "sql_monthly_trends.json").write_text("[]")
        tries.append(step)
        if len(tries) == 1:
            raise RuntimeError("the database went away")

    monkeypatch.setattr(notebook, "execute", execute)
    with pipeline.begin(workspace, {}, lambda told: None) as run:
        with pytest.raises(StepFailed, match="went away"):
            run.go("03_kpis_sql")
        assert [path for path in run.folder.rglob("*") if path.is_file()] == []
        run.go("03_kpis_sql")
        assert "outputs/sql_monthly_trends.json" in run.known.made["03_kpis_sql"].files
