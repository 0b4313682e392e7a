"""Each ingredient of a step, changed once: the step that reads it runs, and says why; no other one does."""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from lib import inprocess
from lib.command import sample

from akasa.publish import withdraw
from akasa.run import due, ingredients, parameters, pipeline, record
from akasa.run.steps import NOTEBOOKS, STEPS
from akasa.run.told import Ended, Incomplete, StepFailed
from akasa.stores import lock, soundness
from akasa.workspace import clock
from akasa.workspace.settings import ROOT, Settings, load

INGEST, VALIDATE, SQL, MEMORY, REPORT = STEPS
AS_IT_IS = due.AS_DUE
DAILY = ROOT / "tests/data/incoming/orders_2025-11-12.xml"


@contextmanager
def workspace(monkeypatch, folder):
    monkeypatch.setenv("DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(folder / "outputs"))
    yield load()


@pytest.fixture(scope="session")
def ran_once(once):
    """A workspace in which the sample and a day's orders were reported once, in this process."""

    def make(folder):
        data = sample(folder)
        (data / "incoming").mkdir()
        shutil.copy(DAILY, data / "incoming")
        with pytest.MonkeyPatch.context() as patch, workspace(patch, folder) as settings:
            report(settings)
        return folder

    return once("ran_once", make)


@pytest.fixture
def settings(ran_once, monkeypatch, tmp_path):
    """A copy of it."""
    shutil.copytree(ran_once, tmp_path, dirs_exist_ok=True, symlinks=True)
    with workspace(monkeypatch, tmp_path) as found:
        yield found


def report(settings, given=None, chosen=AS_IT_IS, notebooks=NOTEBOOKS):
    """Report in this process; return step → status, reason."""
    ended = []
    with inprocess.steps(notebooks, []):
        pipeline.report(settings, given or {}, ended.append, chosen)
    told = [one for one in ended if isinstance(one, Ended)]
    return {one.step: (one.status, one.reason) for one in told}


def why(settings, given=None):
    """Return step → why it would run, of those that would, if no step before it changed anything."""
    reasons = {}
    with pipeline.begin(settings, given or {}, lambda told: None) as run:
        for step in STEPS:
            reasons[step] = run.known.why(step)
            run.known.keep(step)
    return {step: reason for step, reason in reasons.items() if reason}


def test_what_was_just_run_is_up_to_date_wherever_the_workspace_lies(settings):
    assert why(settings) == {}
    assert report(settings) == dict.fromkeys(STEPS, ("up to date", ""))


SLOW = ("pandas", "pyarrow", "nbformat", "papermill", "jupyter_client", "sqlalchemy", "jsonschema")


def test_with_nothing_to_do_nothing_is_imported_that_takes_time(settings):
    code = (
        "import sys; from akasa.run import pipeline; from akasa.workspace.settings import load\n"
        "pipeline.report(load(), {}, print); print(sorted({*sys.modules} & {*sys.argv[1:]}))"
    )
    command = [sys.executable, "-c", code, *SLOW]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    *ended, imported = done.stdout.splitlines()
    assert len(ended) == len(STEPS)
    assert imported == "[]"


@pytest.mark.long
def test_in_buckets_what_was_just_run_is_up_to_date_until_something_comes(
    ran_once, monkeypatch, tmp_path, on_moto, moto
):
    shutil.copytree(ran_once / "data", tmp_path / "data", dirs_exist_ok=True, symlinks=True)
    (tmp_path / "data/incoming" / DAILY.name).unlink()
    cfg = on_moto(INCOMING_URL="s3:///incoming", PUBLISH_URL="s3:///outputs")
    client, bucket = moto.client(), cfg.s3_bucket
    client.put_object(Bucket=bucket, Key=f"incoming/{DAILY.name}", Body=DAILY.read_bytes())
    assert report(cfg, chosen=due.chosen(force=True)) != {}
    there = moto.objects(bucket)
    assert report(cfg) == dict.fromkeys(STEPS, ("up to date", ""))
    assert {key for key, content in moto.objects(bucket).items() if there.get(key) != content} == {
        "warehouse/_akasa.json"
    }
    client.delete_object(Bucket=bucket, Key="outputs/latest.json")
    assert report(cfg) == dict.fromkeys(STEPS, ("up to date", ""))
    assert "outputs/latest.json" in moto.objects(bucket)
    client.put_object(Bucket=bucket, Key="incoming/o_2025-11-13.xml", Body=DAILY.read_bytes() + b" ")
    assert why(cfg) == {INGEST: "incoming/o_2025-11-13.xml is new"}
    part = next(key for key in there if key.startswith("warehouse/orders/order_month"))
    client.delete_object(Bucket=bucket, Key=part)
    assert {VALIDATE, MEMORY, REPORT} <= why(cfg).keys()


# Code.


@pytest.fixture
def notebooks(monkeypatch, tmp_path):
    """Return a copy of the notebooks' folder that is run instead."""
    folder = shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setattr(ingredients, "NOTEBOOKS", folder)
    monkeypatch.setattr(parameters, "NOTEBOOKS", folder)
    return folder


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["code", "markdown"])
def test_a_notebook_that_says_something_else(settings, notebooks, step, kind):
    file = notebooks / f"{step}.ipynb"
    said = json.loads(file.read_text("utf-8"))
    cell = [cell for cell in said["cells"] if cell["cell_type"] == kind][-1]
    cell["source"] = [*cell["source"], " "]
    file.write_text(json.dumps(said))
    assert why(settings) == {step: f"notebooks/{step}.ipynb changed"}


def test_a_module_beside_the_notebooks(settings, notebooks):
    (notebooks / "helpers.py").touch()
    (notebooks / "00_start.ipynb").touch()
    (notebooks / ".ipynb_checkpoints").mkdir()
    (notebooks / ".ipynb_checkpoints/01_ingest-checkpoint.py").touch()
    assert why(settings) == dict.fromkeys(STEPS, "notebooks/helpers.py is new")


def test_outputs_that_are_committed_in_a_notebook_are_no_ingredient(settings, notebooks):
    for file in notebooks.glob("*.ipynb"):
        said = json.loads(file.read_text("utf-8"))
        for cell in said["cells"]:
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=7)
        file.write_text(json.dumps(said))
    assert why(settings) == {}


@pytest.mark.parametrize(
    "name",
    ["kpis/top_spenders.sql", "run/steps.py", "report/templates/front/page.html.j2", "kpis/__init__.pyi"],
)
def test_a_file_of_the_package(settings, monkeypatch, tmp_path, name):
    shutil.copytree(ROOT / "akasa", tmp_path / "akasa", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(ingredients, "CODE", tmp_path)
    (tmp_path / "akasa/__pycache__").mkdir()
    (tmp_path / "akasa/__pycache__/steps.pyc").touch()
    assert why(settings) == {}
    with (tmp_path / "akasa" / name).open("a") as file:
        file.write(" ")
    assert why(settings) == dict.fromkeys(STEPS, f"akasa/{name} changed")
    (tmp_path / "akasa" / name).unlink()
    (tmp_path / "akasa/new.py").touch()
    assert why(settings) == dict.fromkeys(STEPS, "akasa/new.py is new (and 1 more)")


def test_a_version(settings, monkeypatch, tmp_path):
    (tmp_path / "site/pandas-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "site/unheard_of-2.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    found = why(settings)
    assert set(found) == set(STEPS)
    assert found[SQL] == "unheard_of 2 is installed (and 1 more)"
    shutil.rmtree(tmp_path / "site/unheard_of-2.dist-info")
    assert why(settings)[SQL].startswith("pandas is 0.1, was ")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert why(settings)[SQL].startswith("Python is CPython 3.99.0")


# Parameters and settings.


@pytest.mark.parametrize(
    ("name", "value", "steps", "said"),
    [
        ("engine", "both", (MEMORY, REPORT), "engine is both, was pandas"),
        ("as_of", "2025-10-31", (SQL, MEMORY), "as_of is 2025-10-31, was not set"),
        ("window_days", "31", (SQL, MEMORY), "window_days is 31, was 30"),
        ("top_n", "3", (SQL, MEMORY), "top_n is 3, was 10"),
        ("on_refused", "skip", (INGEST,), "on_refused is skip, was not set"),
        ("max_reject_ratio", "0.5", (VALIDATE,), "max_reject_ratio is 0.5, was not set"),
        ("max_replaced_ratio", "0.5", (VALIDATE,), "max_replaced_ratio is 0.5, was not set"),
        ("today", "2025-11-15", (VALIDATE,), "today is 2025-11-15, was not set"),
        ("audit_all", "true", (VALIDATE,), "audit_all is True, was False"),
    ],
)
def test_a_parameter(settings, name, value, steps, said):
    assert why(settings, {name: value}) == dict.fromkeys(steps, f"the parameter {said}")


def test_every_parameter_is_tried():
    tried = {
        "engine",
        "as_of",
        "window_days",
        "top_n",
        "on_refused",
        "max_reject_ratio",
        "max_replaced_ratio",
        "today",
        "audit_all",
    }
    assert {name for step in STEPS for name in parameters.declared(step)} == tried


def test_a_parameter_that_is_given_as_it_is_anyway_changes_nothing(settings):
    assert why(settings, {"engine": "pandas", "top_n": "10"}) == {}


SETTINGS = {
    "CUSTOMERS_CSV_PATH": ("{data}/customers.csv", (INGEST,)),
    "ORDERS_XML_PATH": ("{data}/orders.xml", (INGEST,)),
    "INCOMING_DIR": ("{data}/incoming", (INGEST,)),
    "DB_USER": ("someone", (VALIDATE, SQL, REPORT)),
    "DB_NAME": ("other", (VALIDATE, SQL, REPORT)),
    "DB_PORT": ("3307", (VALIDATE, SQL, REPORT)),
    "DB_LOCAL_INFILE": ("1", (VALIDATE,)),
    "SOURCE_TIMEZONE": ("UTC", (VALIDATE, REPORT)),
    "BUSINESS_TIMEZONE": ("UTC", (VALIDATE, REPORT)),
    "AMOUNT_IS": ("line", (VALIDATE, REPORT)),
    "ON_REFUSED": ("skip", (INGEST,)),
    "MAX_REJECT_RATIO": ("0.2", (VALIDATE, REPORT)),
    "MAX_UNMATCHED_RATIO": ("0.2", (VALIDATE,)),
    "MIN_REVENUE_RATIO": ("0.5", (VALIDATE,)),
    "MAX_REVENUE_RATIO": ("2", (VALIDATE,)),
    "MAX_REPLACED_RATIO": ("0.5", (VALIDATE,)),
    "TODAY": ("2025-11-15", (VALIDATE,)),
    "WAREHOUSE_RETENTION_DAYS": ("2", (VALIDATE,)),
    "FRESHNESS_HOURS": ("47", (REPORT,)),
    "MASK_PII": ("1", STEPS),
    "DASK_SCHEDULER_ADDRESS": ("tcp://user:hunter22@here:8786", (MEMORY,)),
    "SOURCE_DATE_EPOCH": ("1700000000", (VALIDATE, REPORT)),
}
NONE = {
    "KEEP_RUNS": "7",
    "DB_WAIT": "7",
    "LOCK_TIMEOUT": "7",
    "CELL_TIMEOUT": "7",
    "RUN_TIMEOUT": "7",
    "DB_PASSWORD": "hunter22",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
    "METRICS_FILE": "a.prom",
    "PUBLISH_URL": "s3://bucket/outputs",
    "S3_BUCKET": "bucket",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_REGION": "ap-south-1",
    "AWS_SESSION_TOKEN": "hunter22",
}
IN_BUCKETS = {"incoming_url", "warehouse_url", "aws_access_key_id", "aws_secret_access_key"}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting(settings, monkeypatch, name):
    value, steps = SETTINGS[name]
    monkeypatch.setenv(name, value.format(data=settings.data_dir))
    found = why(load())
    assert set(found) == set(steps)
    assert {reason.split(" is ")[0] for reason in found.values()} == {f"the setting {name}"}
    assert "hunter22" not in str(found)


@pytest.mark.parametrize("name", NONE)
def test_a_setting_without_effect(settings, monkeypatch, name):
    monkeypatch.setenv(name, NONE[name])
    assert why(load()) == {}


def test_every_setting_is_tried():
    tried = {name.lower() for name in (*SETTINGS, *NONE)} - {"source_date_epoch"}
    alone = {"data_dir", "output_dir", "db_host", "aws_secret_name"}
    assert tried | alone | IN_BUCKETS == set(Settings.model_fields)
    assert set(ingredients.READ_BY) <= set(Settings.model_fields)
    assert set(ingredients.READS) == set(STEPS)


def test_no_step_reads_a_setting_or_a_file_that_is_none_of_its_ingredients(settings, monkeypatch):
    """What notebooks do in this process is listened to: fields of Settings, and files that Python opens."""
    running, read, opened, get = [""], set(), set(), Settings.__getattribute__

    def spy(self, name):
        if running[0] and name in Settings.model_fields and sys._getframe(1).f_globals["__name__"] != spied:
            read.add((running[0], name))
        return get(self, name)

    def listen(event, arguments):
        if running[0] and event in ("open", "os.listdir", "os.scandir") and arguments:
            path, mode = str(arguments[0]), str(arguments[1]) if event == "open" else "r"
            if path.startswith(str(settings.data_dir)) and not set(mode) & set("wxa+"):
                opened.add((running[0], os.path.relpath(path, settings.data_dir)))

    spied = Settings.__module__
    executing = inprocess.execute

    def execute(notebooks, step, *more):
        running[0] = step
        try:
            executing(notebooks, step, *more)
        finally:
            running[0] = ""

    sys.addaudithook(listen)
    monkeypatch.setattr(Settings, "__getattribute__", spy)
    monkeypatch.setattr(inprocess, "execute", execute)
    (settings.data_dir / "incoming/orders_2025-11-13.xml").write_bytes(DAILY.read_bytes() + b" ")
    assert {status for status, _ in report(settings, chosen=due.chosen(force=True)).values()} == {"done"}

    effect = {one for one in read if one[1] not in ingredients.WITHOUT_EFFECT}
    assert {
        (step, name) for step, name in effect if step not in ingredients.READ_BY.get(name, STEPS)
    } == set()
    assert {(step, "mask_pii") for step in (INGEST, SQL, MEMORY, REPORT)} <= effect
    assert {(step, name) for step, name in opened if not _is_read(step, name)} == set()
    assert {(INGEST, "customers.csv"), (REPORT, "staging/manifest.json")} <= opened


def _is_read(step, name):
    """Whether a file below the data folder belongs to one of the parts that a step reads."""
    first = name.partition("/")[0]
    parts = {first} & {"staging", "judged", "audits", "profiles", "rejects", "warehouse"} or {"deliveries"}
    parts = {"database"} if first == "akasa.db" else parts
    parts = {*parts, "manifest"} if name.startswith(("staging/manifest.json", "staging/repairs")) else parts
    of_locks = first.startswith((".run", ".publish"))
    return of_locks or bool(parts & {*ingredients.READS[step]})


# Deliveries: they are read, and stand behind the report's numbers.


def of_drops(said):
    return dict.fromkeys((INGEST, REPORT), said)


def test_a_byte_of_a_delivery_of_the_same_size_and_time(settings):
    file = settings.data_dir / "incoming" / DAILY.name
    before, content = file.stat(), file.read_bytes()
    file.write_bytes(content.replace(b"2025-11-11", b"2025-11-10", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert why(settings) == of_drops(f"incoming/{DAILY.name} changed")


def test_a_delivery_that_was_only_touched(settings):
    (settings.data_dir / "customers.csv").touch()
    assert why(settings) == {}


def test_a_new_delivery_a_renamed_one_and_one_that_is_gone(settings):
    incoming = settings.data_dir / "incoming"
    shutil.copy(incoming / DAILY.name, incoming / "orders_2025-11-21.xml")
    assert why(settings) == of_drops("incoming/orders_2025-11-21.xml is new")
    (incoming / DAILY.name).unlink()
    assert why(settings) == of_drops("incoming/orders_2025-11-21.xml is new (and 1 more)")
    (incoming / "orders_2025-11-21.xml").unlink()
    assert why(settings) == of_drops(f"incoming/{DAILY.name} is gone")


def test_what_is_passed_over_in_the_drop_folder(settings):
    (settings.data_dir / "incoming/notes.txt").touch()
    said = "incoming/notes.txt ends neither in .csv nor in .xml, so it was passed over"
    assert why(settings) == of_drops(said)
    report(settings)
    (settings.data_dir / "incoming/notes.txt").unlink()
    assert why(settings) == of_drops(f"it is no longer so that {said}")


def test_drop_folders_that_cannot_be_read_are_never_what_they_were(settings):
    shutil.rmtree(settings.data_dir / "incoming")
    for name in ("customers.csv", "orders.xml"):
        (settings.data_dir / name).unlink()
    assert why(settings) == of_drops("the drop folders cannot be read (and 3 more)")


def test_what_arrives_while_the_first_step_runs_is_new_to_the_next_run(settings, monkeypatch):
    executing = inprocess.execute

    def arriving(notebooks, step, *more):
        executing(notebooks, step, *more)
        if step == INGEST:
            (settings.data_dir / "incoming/orders_2025-11-22.xml").write_bytes(DAILY.read_bytes())

    monkeypatch.setattr(inprocess, "execute", arriving)
    report(settings, chosen=due.chosen(force=True))
    assert why(settings) == of_drops("incoming/orders_2025-11-22.xml is new")


# What steps leave in the data folder, and others may change.


def changed(file):
    with file.open("ab") as there:
        there.write(b" ")


def one(settings, pattern):
    return sorted(settings.data_dir.glob(pattern))[0]


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("staging/orders-*.parquet", (INGEST, VALIDATE, REPORT)),
        ("staging/manifest.json", (INGEST, VALIDATE, REPORT)),
        ("rejects/orders.xml.*.csv", (VALIDATE, REPORT)),
        ("judged/*/verdict.json", (VALIDATE, REPORT)),
        ("audits/*.json", (VALIDATE, REPORT)),
        ("profiles/*.json", (VALIDATE, REPORT)),
        ("warehouse/orders/*/*.parquet", (VALIDATE, MEMORY, REPORT)),
        ("warehouse/customers/_delta_log/*.json", (VALIDATE, MEMORY, REPORT)),
    ],
)
@pytest.mark.parametrize("act", [changed, Path.unlink])
def test_a_file_that_was_derived(settings, pattern, steps, act):
    file = one(settings, pattern)
    parts = file.relative_to(settings.data_dir).parts
    whole = parts[0] in ("warehouse", "judged")
    name = "/".join(parts[:2] if whole else parts)
    act(file)
    said = f"data/{name} {'is gone' if act is Path.unlink and not whole else 'changed'}"
    assert why(settings) == dict.fromkeys(steps, said)


def test_rejected_records_of_a_run_that_was_stopped(settings):
    settings.unpublished.mkdir(exist_ok=True)
    (settings.unpublished / "x.csv").touch()
    assert why(settings) == dict.fromkeys((VALIDATE, REPORT), "data/rejects/unpublished/x.csv is new")


@pytest.mark.parametrize(
    "edit",
    [
        "update customers set region = 'East' where customer_id = 'CUST-001'",
        "update deliveries set repeats = repeats + 1",
        "update sightings set day = '2025-11-01' where name = 'orders.xml'",
    ],
)
def test_a_row_of_sqlite_that_somebody_edited(settings, edit):
    with sqlite3.connect(settings.sqlite) as opened:
        assert opened.execute(edit).rowcount > 0
    assert why(settings) == dict.fromkeys((VALIDATE, SQL, REPORT), "the database changed")


def test_what_a_killed_writer_left_beside_sqlite(settings):
    soundness.note(settings)
    settings.sqlite.with_name("akasa.db-wal").write_bytes(b"x")
    assert set(why(settings)) == {VALIDATE, SQL, REPORT}


def test_a_delivery_that_was_taken_back(settings):
    with lock.run(settings):
        withdraw.commit(settings, withdraw.derive(settings, f"incoming/{DAILY.name}"))
    assert set(why(settings)) == {VALIDATE, SQL, MEMORY, REPORT}


def test_the_page_says_for_how_long_nothing_was_delivered(settings, monkeypatch):
    began = clock.now()

    def after(hours):
        monkeypatch.setattr(clock, "now", lambda: began + timedelta(hours=hours))
        return why(settings)

    assert after(47) == {}
    assert after(49.5) == {REPORT: "the number of hours without a delivery is 49"}
    assert "Nothing new was delivered" not in page(settings)
    assert report(settings)[REPORT][0] == "done"
    assert "Nothing new was delivered for 49 hours" in page(settings)
    assert after(49.9) == {}
    assert after(50.1) == {REPORT: "the number of hours without a delivery is 50, was 49"}


def page(settings):
    return (settings.output_dir / "index.html").read_text("utf-8")


# Outputs.

LEFT = {
    INGEST: "notebooks/01_ingest.ipynb",
    VALIDATE: "data_docs/index.html",
    SQL: "sql_top_spenders.json",
    MEMORY: "parameters.pandas.json",
    REPORT: "index.html",
}


@pytest.mark.parametrize("step", STEPS)
def test_an_output(settings, step):
    file = settings.output_dir / LEFT[step]
    content = file.read_bytes()
    changed(file)
    assert why(settings) == {step: f"outputs/{LEFT[step]} changed"}
    file.unlink()
    assert why(settings) == {step: f"outputs/{LEFT[step]} is gone"}
    assert report(settings)[step] == ("done", f"outputs/{LEFT[step]} is gone")
    assert file.read_bytes() == content or step == REPORT
    assert why(settings) == {}


def test_the_list_of_the_outputs(settings):
    (settings.output_dir / "run.json").unlink()
    assert why(settings) == {REPORT: "outputs/run.json is gone"}


def test_the_files_that_are_compared_while_those_in_outputs_are_masked(settings, monkeypatch):
    monkeypatch.setenv("MASK_PII", "1")
    masked = load()
    assert {status for status, _ in report(masked).values()} == {"done"}
    assert why(masked) == {}
    shutil.rmtree(masked.output_dir / "tables")
    assert [step for step, (status, _) in report(masked).items() if status == "done"] == [REPORT]
    assert why(masked) == {}
    (masked.exact / "pandas_top_spenders.csv").unlink()
    assert why(masked) == {MEMORY: "data/exact/pandas_top_spenders.csv is gone"}
    monkeypatch.setenv("MASK_PII", "0")
    assert {status for status, _ in report(load()).values()} == {"done"}
    assert not masked.exact.exists()


def test_the_record_is_of_the_outputs_that_are_in_place(settings, tmp_path):
    shutil.rmtree(settings.output_dir)
    assert set(why(settings)) == set(STEPS)
    record.path(settings).write_text("{")
    assert record.read(settings) == {}
    with pipeline.begin(settings, {}, print) as run:
        assert run.known.why(SQL) == "it is the first run"


# What a run does with it.


def test_a_step_that_runs_takes_along_only_those_that_read_what_it_left(settings, notebooks):
    file = notebooks / f"{SQL}.ipynb"
    file.write_text(file.read_text("utf-8").replace("# 3 · KPIs by SQL", "# 3 · By SQL"), "utf-8")
    before = {name: known["run"] for name, known in listed(settings).items()}
    found = report(settings, notebooks=notebooks)
    assert found[SQL] == ("done", f"notebooks/{SQL}.ipynb changed")
    assert [step for step, (status, _) in found.items() if status == "up to date"] == [
        *(INGEST, VALIDATE, MEMORY, REPORT)
    ]
    after = {name: known["run"] for name, known in listed(settings).items()}
    assert before.keys() == after.keys()
    fresh = {name for name in before if before[name] != after[name]}
    kpis = {"parameters.sql.json", *(name for name in before if name.startswith("sql_"))}
    assert fresh == {f"notebooks/{SQL}.ipynb", f"notebooks/{SQL}.html", *kpis}


def listed(settings):
    return json.loads((settings.output_dir / "run.json").read_text("utf-8"))["files"]


def test_warnings_of_steps_that_are_up_to_date_are_said_again(settings, capsys):
    one(settings, "warehouse/orders/*/*.parquet").unlink()
    assert report(settings)[VALIDATE][0] == "done"
    first = capsys.readouterr().err
    assert first.startswith("warning: the warehouse is made anew from the database: it could not be read")
    assert report(settings)[VALIDATE][0] == "up to date"
    assert capsys.readouterr().err == first


def test_a_run_that_failed_is_no_run(settings, monkeypatch):
    (settings.data_dir / "incoming/orders_2025-11-21.xml").write_text("<orders><order>")
    with pytest.raises(StepFailed, match="not well-formed"):
        report(settings)
    assert why(settings)[INGEST].startswith("incoming/orders_2025-11-21.xml is new")
    monkeypatch.setenv("ON_REFUSED", "skip")
    assert {status for status, _ in report(load()).values()} == {"done", "up to date"}
    assert why(load()) == {}


# What somebody chooses.


def test_all_are_run_by_force(settings):
    assert report(settings, chosen=due.chosen(force=True)) == dict.fromkeys(
        STEPS, ("done", "it was asked for")
    )
    assert why(settings) == {}


def test_from_a_step_on(settings):
    (settings.output_dir / LEFT[INGEST]).unlink()
    found = report(settings, chosen=due.chosen(start=MEMORY))
    assert found == {
        INGEST: ("done", f"outputs/{LEFT[INGEST]} is gone"),
        VALIDATE: ("up to date", ""),
        SQL: ("up to date", ""),
        MEMORY: ("done", "it was asked for"),
        REPORT: ("done", "it was asked for"),
    }


def test_a_step_alone_says_what_it_rests_on(settings, capsys):
    shutil.copy(DAILY, settings.data_dir / "incoming/orders_2025-11-21.xml")
    found = report(settings, {"top_n": "3"}, due.chosen(only=REPORT))
    said = "incoming/orders_2025-11-21.xml is new"
    assert found[INGEST] == ("left", said)
    assert found[VALIDATE] == ("up to date", "")
    assert found[SQL] == ("left", "the parameter top_n is 3, was 10")
    assert found[REPORT] == ("done", said)
    told = capsys.readouterr().err
    assert f"note: {INGEST} is not up to date: {said}\n" in told
    assert set(why(settings)) == {INGEST}


def test_a_step_alone_needs_what_the_others_left(settings):
    (settings.output_dir / "sql_top_spenders.json").unlink()
    with pytest.raises(Incomplete, match=r"03_kpis_sql left: outputs/sql_top_spenders.json is gone"):
        report(settings, chosen=due.chosen(only=REPORT))
    shutil.rmtree(record.path(settings).parent)
    with pytest.raises(Incomplete, match="it was not run before"):
        report(settings, chosen=due.chosen(only=REPORT))


def test_a_step_alone_leaves_no_outputs_that_do_not_belong_together(settings):
    before = listed(settings)
    with pytest.raises(Incomplete, match=r"05_report rests on others: outputs/parameters\.sql"):
        report(settings, {"as_of": "2025-10-31"}, due.chosen(only=SQL))
    assert listed(settings) == before
    assert why(settings) == {}
    assert report(settings, chosen=due.chosen(only=SQL))[SQL] == ("done", "it was asked for")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"start": "06"}, "there is no step '06'; there are: 01_ingest, 02_validate, 03_kpis_sql, 04_kpis_m"),
        ({"only": "report"}, "there is no step 'report'; there are: 01_ingest"),
        ({"only": SQL, "force": True}, "give one of"),
    ],
)
def test_what_cannot_be_chosen(choice, said):
    with pytest.raises(parameters.UsageError, match=said):
        due.chosen(**choice)
