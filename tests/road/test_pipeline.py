"""Whole runs of `python -m akasa report`, as a user starts them, against known truth and planted faults."""

import json
import re
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from lib import truth
from lib.command import quick_report, report, sample
from lib.incoming import BAD_CUSTOMERS, BROKEN_ORDERS, laid
from lib.promoting import KEPT

import akasa
from akasa.kpis import engines, results
from akasa.kpis.definitions import DEFINITIONS
from akasa.run import history, steps
from akasa.workspace import promotion
from akasa.workspace.settings import ROOT, Settings

pytestmark = pytest.mark.slow

ODD = """a #%?"'é{0}{x} order_month=2020-01"""
KPI_FILES = [results.file_name(engine, kpi) for engine in engines.ENGINES for kpi in DEFINITIONS]


def files(folder):
    """Return every file's bytes but those of the lock, of kept runs, and of Data Docs, which carry times."""
    apart = {"data_docs", "history"}
    paths = (path for path in Path(folder).rglob("*") if path.is_file() and not apart & {*path.parts})
    paths = (path for path in paths if path.name != ".outputs.lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def kpi_bytes(data):
    return {name: (data.parent / "outputs" / name).read_bytes() for name in KPI_FILES}


def assert_truth(data, expected):
    outputs = data.parent / "outputs"
    for kpi, rows in expected.items():
        found = json.loads((outputs / f"sql_{kpi}.json").read_text("utf-8"), parse_float=Decimal)
        assert found == truth.expected_json(kpi, rows)
        for engine in ("pandas", "dask"):
            text = (outputs / f"{engine}_{kpi}.csv").read_bytes().decode("utf-8")
            assert text == truth.expected_csv(kpi, rows), f"{engine}_{kpi}.csv"


@pytest.fixture
def daily(once):
    """A workspace of the daily shape with incoming files, reported once with every engine: to be read.

    It lies in a folder of an odd name.
    """

    def make(folder):
        data = folder / ODD / "data"
        data.mkdir(parents=True)
        known = truth.build(data, "daily", seed=7, incoming=True)
        result = report(data, "--engine", "both")
        assert result.returncode == 0, result.stdout + result.stderr
        return data, known, result

    return once("daily", make)


def copied(data, folder):
    """Copy a workspace, so that it can be worked in; return its data folder."""
    shutil.copytree(data.parent, folder, dirs_exist_ok=True)
    return folder / data.name


def test_all_twelve_files_of_the_daily_shape_equal_the_truth(daily):
    data, known, _ = daily
    assert_truth(data, known["kpis"])


def test_all_twelve_files_of_the_simple_shape_equal_the_truth(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    known = truth.build(data, "simple", seed=11)
    result = quick_report(data, "--engine", "both")
    assert result.returncode == 0, result.stdout + result.stderr
    assert_truth(data, known["kpis"])


def test_a_whole_report_is_made_in_a_folder_of_a_name_with_all_of_it(daily):
    """With all that a folder's name may have: tests/road/test_folders.py."""
    data, _, _ = daily
    assert data.parent.name == ODD
    assert (data.parent / "outputs/index.html").exists()


def test_the_console_names_each_step_and_ends_with_the_answer(daily):
    """By hand from what truth.py knows: the days, the orders, the money, what was turned away."""
    data, known, result = daily
    assert "\x1b" not in result.stdout + result.stderr
    first, *ended, last = result.stdout.splitlines()
    outputs = data.parent / "outputs"
    assert first == f"akasa {akasa.__version__} · {data}/ → {outputs}/"
    for number, (step, line) in enumerate(zip(steps.STEPS, ended, strict=True), 1):
        page = str(outputs / f"notebooks/{step}.html")
        took = line.replace(page, "page").split()
        why = ["because", "it", "is", "the", "first", "run"]
        assert took[:2] + took[3:] == [step, "done", "s", str(number), "of", "5", "page", *why]
    months = known["kpis"]["monthly_trends"]
    orders, paise = (sum(row[column] for row in months) for column in ("order_count", "total_revenue"))
    totals = json.loads((outputs / "proof.json").read_text())["totals"]
    said = re.fullmatch(
        r"done in [\w. ]+: up to (.+) · (.+) orders · ₹(.+) · (.+) of (.+) turned away \((.+)\)"
        r" · sql = pandas = dask, (\d+) totals tie → (.+)",
        last,
    )
    assert said, last
    day, count, revenue, rejected, records, kept, tie, page = said.groups()
    numbers = [int(re.sub(r"[,.]", "", one)) for one in (count, revenue, tie)]
    assert numbers == [orders, paise, len(totals)]
    assert (kept, page) == ("data/rejects/", str(outputs / "index.html"))
    latest = max(order["order_date_time"].date() for order in known["orders"])
    assert datetime.strptime(day, "%d %b %Y").date() == latest
    for column, counted in (("rejected", rejected), ("records", records)):
        assert int(counted.replace(",", "")) == sum(one[column] for one in known["deliveries"].values())


def test_outputs_are_complete_and_name_no_folder_of_the_machine(daily):
    data, _, _ = daily
    written = files(data.parent / "outputs")
    notebooks = [f"notebooks/{step}.{ending}" for step in steps.STEPS for ending in ("html", "ipynb")]
    given = [f"parameters.{engine}.json" for engine in engines.ENGINES]
    beside = {name for name in written if name.startswith(("tables/", "rejects/"))}
    pages = {"index.html", "audit.html", "data_quality.html", "explain.html", *notebooks}
    told = {"run.json", "proof.json", "changes.json", "data_quality.json"}
    assert set(written) - beside == {*pages, *told, *KPI_FILES, *given}
    assert {f"tables/{kpi}.{ending}" for kpi in DEFINITIONS for ending in ("csv", "sql")} <= beside
    kept = {file.name for file in (data / "rejects").glob("*.csv")}
    assert {name.partition("/")[2] for name in beside if name.startswith("rejects/")} == kept != set()
    assert (data.parent / "outputs/data_docs/index.html").is_file()
    for name, content in written.items():
        assert str(data.parents[1]).encode() not in content, name
        assert str(ROOT).encode() not in content, name


def test_a_copy_under_an_earlier_name_and_a_second_run_change_no_kpi_file(daily, tmp_path):
    data = copied(daily[0], tmp_path)
    before = kpi_bytes(data)
    shutil.copy(data / "orders.xml", data / "incoming" / "orders_again_2025-11-01.xml")
    assert quick_report(data, "--engine", "both").returncode == 0
    assert kpi_bytes(data) == before
    page = (data.parent / "outputs/index.html").read_text("utf-8").replace("<wbr>", "")
    assert "incoming/orders_again_2025-11-01.xml" in page
    assert_audited(data.parent / "outputs")


def assert_audited(outputs):
    """Assert that the pages tell of the last audit, though nothing was new since."""
    assert "Audit verdicts: 29" in (outputs / "index.html").read_text("utf-8")
    assert "29 of 29 checks hold" in (outputs / "audit.html").read_text("utf-8")
    assert "all 29 expectations hold" in (outputs / "data_docs/index.html").read_text("utf-8")
    assert len([*(outputs / "data_docs/validations").iterdir()]) == 5


def test_as_of_counts_nothing_after_that_day_in_any_file(tmp_path):
    data = sample(tmp_path)
    result = quick_report(data, "--engine", "both", "--as-of", "2025-10-31", "--top-n", "3")
    assert result.returncode == 0, result.stderr
    for engine in engines.ENGINES:
        frames = results.read_results(_settings(data), (engine,))[engine]
        assert frames["monthly_trends"]["month"].tolist() == [8, 9, 10]
        assert frames["monthly_trends"]["total_revenue"].tolist() == [5792000, 4343950, 18067000]
        assert frames["regional_revenue"]["total_revenue"].sum() == 5792000 + 4343950 + 18067000
        assert frames["regional_revenue"]["order_count"].sum() == 6 + 6 + 10
        assert len(frames["top_spenders"]) == 3
        assert (frames["top_spenders"]["last_order_date"] <= "2025-10-31").all()


def test_a_bug_in_one_engine_fails_the_run_and_is_shown(tmp_path):
    code = tmp_path / "code"
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    query = code / "akasa/kpis/monthly_trends.sql"
    text = query.read_text("utf-8")
    assert "    from orders\n" in text
    joined = "    from orders join order_items on order_items.order_id = orders.order_id\n"
    query.write_text(text.replace("    from orders\n", joined), "utf-8")
    data = sample(tmp_path)

    result = report(data, code=code)

    assert result.returncode == 1
    assert "05_report       FAILED" in result.stderr
    assert "monthly_trends 2025 8 order_count: sql says 13, pandas says 6" in result.stderr
    assert not (data.parent / "outputs/index.html").exists()
    assert "NO (sql, pandas)" in (data / "failed/05_report.html").read_text("utf-8")


def test_the_gate_stops_a_bad_delivery_and_leaves_earlier_outputs_untouched(reported, tmp_path):
    data = laid(copied(reported, tmp_path), "customers_2025-11-11.csv", BAD_CUSTOMERS)
    before, kept = files(data.parent / "outputs"), history.entries(data.parent / "outputs")
    stopped = quick_report(data)
    assert stopped.returncode == 1
    assert len(kept) == 1
    assert history.entries(data.parent / "outputs") == kept
    assert "02_validate     FAILED" in stopped.stderr
    assert "incoming/customers_2025-11-11.csv: 1 of 2 records were rejected (50.0%" in stopped.stderr
    assert f"open     {data / 'failed/02_validate.html'}" in stopped.stderr
    assert files(data.parent / "outputs") == before
    (rejects,) = (data / "rejects/unpublished").glob("customers_2025-11-11.csv.*.csv")
    assert "invalid_mobile_number" in rejects.read_text("utf-8")


def test_a_refused_file_stops_the_run(tmp_path):
    data = laid(sample(tmp_path), "orders_2025-11-11.xml", BROKEN_ORDERS)
    stopped = quick_report(data)
    assert stopped.returncode == 1
    assert "RefusedDelivery: incoming/orders_2025-11-11.xml, line 3: not well-formed XML" in stopped.stderr
    assert "ON_REFUSED=skip" in stopped.stderr
    assert not (data / "akasa.db").exists()


def test_a_damaged_warehouse_is_made_anew_and_page_and_console_say_so(reported, tmp_path):
    data = copied(reported, tmp_path)
    next((data / "warehouse/orders").rglob("*.parquet")).unlink()
    result = quick_report(data)
    assert result.returncode == 0, result.stderr
    said = "warning: the warehouse is made anew from the database: it could not be read"
    assert said in result.stderr
    assert said in (data.parent / "outputs/notebooks/02_validate.html").read_text("utf-8")


def test_a_dead_kernel_is_a_failed_step(tmp_path):
    code = tmp_path / "code"
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (code / "akasa/ingest/staging.py").open("a") as module:
        module.write("\n\ndef stage_all(*_):\n    import os\n\n    os._exit(9)\n")
    data = sample(tmp_path)
    result = report(data, code=code)
    assert result.returncode == 1
    assert "01_ingest       FAILED" in result.stderr
    died = r"KernelDied: in cell \d+ of \d+, the kernel ended by itself, with exit status 9\n"
    assert re.search(died, result.stderr)
    assert "This run failed here" in (data / "failed/01_ingest.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-p", "colour=red"], "no notebook has the parameter 'colour'"),
        (["-p", "top_n=many"], "top_n is 'many'; it must be of type int"),
        (["--top-n", "many"], "Invalid value for '--top-n'"),
        (["--as-of", "31-10-2025"], "is not a day written YYYY-MM-DD"),
        (["--engine", "polars"], "Invalid value for '--engine'"),
    ],
)
def test_wrong_usage_is_found_before_any_kernel(tmp_path, options, said):
    result = report(sample(tmp_path), *options)
    assert result.returncode == 2
    assert said in result.stderr
    assert not (tmp_path / "outputs").exists()


def test_files_of_an_engine_that_did_not_run_stay_only_while_they_are_true(reported):
    outputs = reported.parent / "outputs"
    (left,) = outputs.glob("dask_*")
    assert left.name == "dask_monthly_trends.csv"
    assert promotion.listed(outputs)[left.name]["run"] == "earlier"
    assert left.read_bytes() == (outputs / "pandas_monthly_trends.csv").read_bytes()


def test_a_run_removes_no_file_that_no_run_wrote(reported):
    assert [name for name in KEPT if not (reported.parent / name).exists()] == []


def test_run_json_says_which_run_each_file_is_from_and_what_it_was_made_of(reported):
    outputs = reported.parent / "outputs"
    said = promotion.told(outputs)
    assert promotion.changed(outputs) == []
    assert set(said["files"]) == set(files(outputs)) - KEPT_IN_OUTPUTS - {"run.json"} | docs(outputs)
    assert {known["run"] for known in said["files"].values()} == {said["run"], "earlier"}
    assert (said["as_of"], said["window_days"], said["top_n"]) == ("2025-11-10", 30, 10)
    assert (said["engines"], said["parameters"]) == (["sql", "pandas"], {})
    assert said["akasa"] == akasa.__version__
    assert datetime.fromisoformat(said["started"]) <= datetime.fromisoformat(said["ended"])


KEPT_IN_OUTPUTS = {name.removeprefix("outputs/") for name in KEPT if name.startswith("outputs/")}


def docs(outputs):
    """Return the names of Data Docs' files but a user's own."""
    found = (path for path in (outputs / "data_docs").rglob("*") if path.is_file())
    return {path.relative_to(outputs).as_posix() for path in found} - KEPT_IN_OUTPUTS


def _settings(data):
    return Settings(data_dir=data, output_dir=data.parent / "outputs")
