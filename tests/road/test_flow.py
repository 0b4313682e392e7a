"""Prefect, with a real server process: good, retried, stopped, cancelled and scheduled runs."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner
from lib import command, prefect
from lib.prefect import until

from akasa.__main__ import main
from akasa.run.parameters import RULES, UsageError
from akasa.run.steps import STEPS
from akasa.stores.lock import Busy
from akasa.workspace import promotion
from akasa.workspace.settings import ROOT

UP_TO_DATE = dict.fromkeys(STEPS, "Up to date")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    prefect.required()
    with prefect.running(tmp_path_factory.mktemp("prefect")) as started:
        yield started


@pytest.fixture
def copied(reported, tmp_path):
    """The data folder of a workspace in which the sample was reported."""
    return shutil.copytree(reported.parent, tmp_path / "copy") / reported.name


def once(server, data, *options, **changes):
    """Run the flow by `python -m akasa.flow`; return the process, and the flow run as the server knows it."""
    done = subprocess.run(
        prefect.command(*options),
        env=prefect.environment(data, **server.environment, **changes),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    (run,) = re.findall(r"View at http\S+/([0-9a-f-]{36})", done.stderr + done.stdout)
    return done, server.run(run)


def kpis(data):
    return {path.name: path.read_bytes() for path in (data.parent / "outputs").glob("*_*.[jc]s*")}


def states(server, run):
    """Return the names of the states of a run's steps, of those that there are."""
    found = server.tasks(run)
    return {step: found[step]["state_name"] for step in STEPS if step in found}


def shows(server, run, expected):
    """Whether the steps' states come to be these: the server takes its time to note them."""
    end = time.monotonic() + 60
    while states(server, run) != expected and time.monotonic() < end:
        time.sleep(0.5)
    return states(server, run) == expected or states(server, run)


@pytest.mark.long
def test_a_run_shows_its_steps_and_what_it_came_to_and_writes_the_files_of_report(server, reported, tmp_path):
    done, run = once(server, data := command.sample(tmp_path))
    assert (done.returncode, run["state_type"]) == (0, "COMPLETED"), done.stderr
    assert shows(server, run["id"], dict.fromkeys(STEPS, "Completed")) is True
    assert kpis(data) == {name: kpis(reported)[name] for name in kpis(data)}
    assert len(kpis(data)) == 8
    shown = server.artifacts(run["id"])
    answer = promotion.told(data.parent / "outputs")["answer"]
    assert run["state"]["message"] == answer
    assert answer in shown["akasa-report"]
    assert f"({(data.parent / 'outputs/index.html').as_uri()})" in shown["akasa-report"]
    assert [row["step"] for row in shown["akasa-steps"]] == list(STEPS)
    assert [row["total_revenue"] for row in shown["akasa-monthly-trends"]] == [
        *("₹57,920.00", "₹43,439.50", "₹1,80,670.00", "₹60,530.00")
    ]
    again, second = once(server, data, "--only", "05_report")
    assert again.returncode == 0
    assert shows(server, second["id"], {**UP_TO_DATE, "05_report": "Completed"}) is True


@pytest.mark.long
def test_a_run_waits_for_a_database_that_is_away_at_first_and_in_its_midst(
    server, mariadb_server, reported, tmp_path
):
    where = mariadb_server.create("akasa_flow")
    tries = {"PREFECT_TASKS_DEFAULT_RETRIES": "100", "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS": "2"}
    data = command.sample(tmp_path)
    mariadb_server.stop()
    known = {one["id"] for one in server.runs() or []}
    process = subprocess.Popen(
        prefect.command(),
        env=prefect.environment(data, **server.environment, **tries, **where),
        cwd=ROOT,
    )
    (run,) = until(lambda: {one["id"] for one in server.runs()} - known, 300)
    until(lambda: tried(server, run, "begin") > 1, 120)
    mariadb_server.start()
    until(lambda: states(server, run).get("02_validate") == "Running", 300)
    mariadb_server.kill()
    until(lambda: server.tasks(run)["02_validate"]["state_name"] in ("AwaitingRetry", "Retrying"), 300)
    mariadb_server.start()
    assert process.wait(600) == 0
    assert tried(server, run, "02_validate") > 1
    assert tried(server, run, "01_ingest") == 1
    assert kpis(data) == {name: kpis(reported)[name] for name in kpis(data)}
    again, second = once(server, data, **where)
    assert (again.returncode, shows(server, second["id"], UP_TO_DATE)) == (0, True)


def tried(server, run, name):
    task = server.tasks(run).get(name)
    return task["run_count"] if task else 0


@pytest.mark.long
def test_a_gate_fails_the_run_at_once_with_its_cause_and_the_way_out(server, copied):
    before = kpis(copied)
    (copied / "incoming").mkdir(exist_ok=True)
    bad = (copied / "orders.xml").read_text().replace("<total_amount>", "<total_amount>x")
    (copied / "incoming/orders_2025-11-20.xml").write_text(bad)
    done, run = once(server, copied)
    assert (done.returncode, run["state_type"]) == (1, "FAILED"), done.stderr
    assert run["state"]["message"].startswith("02_validate: GateStopped: incoming/orders_2025-11-20.xml: ")
    assert "Traceback" not in done.stderr + done.stdout
    assert shows(server, run["id"], {"01_ingest": "Completed", "02_validate": "Failed"}) is True
    assert tried(server, run["id"], "02_validate") == 1
    failure = server.artifacts(run["id"])["akasa-failure"]
    assert "mend the delivery, then run it again" in failure
    assert re.search(r"or let it through: run it again with `max_reject_ratio=[\d.]+`", failure)
    assert (copied / "failed/02_validate.html").as_uri() in failure
    assert kpis(copied) == before


@pytest.mark.long
def test_a_run_from_the_shell_can_be_cancelled_at_the_server(server, copied):
    before, known = kpis(copied), {one["id"] for one in server.runs() or []}
    process = subprocess.Popen(
        prefect.command("--force"), env=prefect.environment(copied, **server.environment), cwd=ROOT
    )
    (run,) = until(lambda: {one["id"] for one in server.runs()} - known, 300)
    kernels = until(lambda: processes(copied, "akasa.run.nursery"), 300)
    server.set_state(run, "CANCELLING")
    assert process.wait(120) == 1
    assert server.run(run)["state_type"] == "CANCELLED"
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in kernels), 10)
    assert kpis(copied) == before


@pytest.fixture
def served(server, copied):
    """The flows of a reported workspace, served; its data folder."""
    with (copied.parent / "served.log").open("wb") as log:
        process = subprocess.Popen(
            prefect.command("--serve", "--cron", "30 5 * * *"),
            env=prefect.environment(copied, **server.environment),
            cwd=ROOT,
            start_new_session=True,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: process.poll() is None and all(map(server.deployed, ("report", "withdraw"))), 300)
        yield copied
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.mark.long
def test_what_is_served_runs_by_schedule_one_at_a_time_can_be_cancelled_and_changes_what_is_published(
    server, served
):
    the_schedule(server)
    a_scheduled_run(server)
    two_at_once(server)
    the_commands_of_the_page(server, served)
    a_cancelled_run(server, served)
    changes(server, served)


def the_schedule(server):
    deployment = server.deployed("report")
    (schedule,) = deployment["schedules"]
    assert schedule["active"]
    assert {**schedule["schedule"], "day_or": 0} == {
        "cron": "30 5 * * *",
        "timezone": "Asia/Kolkata",
        "day_or": 0,
    }
    assert deployment["global_concurrency_limit"]["limit"] == 1
    forms = deployment["parameter_openapi_schema"]["properties"]
    assert {*RULES, "parameters", "force", "start", "only"} == forms.keys()


def a_scheduled_run(server):
    at = datetime.now(UTC) + timedelta(seconds=4)
    run = server.ended(server.asked("report", at, engine="pandas"))
    assert run["state_type"] == "COMPLETED"
    assert datetime.fromisoformat(run["start_time"]) >= at
    assert shows(server, run["id"], UP_TO_DATE) is True


def two_at_once(server):
    """Of two runs that are asked for at once, one waits until the other has ended."""
    both = [server.ended(run) for run in [server.asked("report", only="05_report") for _ in range(2)]]
    assert [run["state_type"] for run in both] == ["COMPLETED", "COMPLETED"]
    first, second = sorted(both, key=lambda run: run["start_time"])
    assert first["end_time"] <= second["start_time"]


def the_commands_of_the_page(server, data):
    """Those of docs/operations.md, as they stand there; the last one is of a delivery that is not here."""
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    commands = re.findall(r"^\$ python (-m prefect deployment run .*)$", page, re.MULTILINE)
    states = []
    for words in commands:
        said = subprocess.run(
            [sys.executable, *shlex.split(words)],
            env=prefect.environment(data, **server.environment),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        states.append(
            server.ended(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", said)[0])["state"]
        )
    assert [one["type"] for one in states] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert "incoming/orders_2025-11-20.xml" in states[-1]["message"]


def a_cancelled_run(server, data):
    before = kpis(data), (data.parent / "outputs/run.json").read_bytes()
    run = server.asked("report", force=True)
    kernel = until(lambda: processes(data, "akasa.run.nursery"), 300)
    time.sleep(2)  # so that a cell runs
    family = {*kernel, *processes(data, "prefect.engine"), *processes(data, "multiprocessing")}
    server.set_state(run, "CANCELLING")
    assert server.ended(run)["state_type"] == "CANCELLED"
    until(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()], 10)
    assert processes(data, "akasa.run.nursery") == []
    assert (kpis(data), (data.parent / "outputs/run.json").read_bytes()) == before
    left = [path.name for path in (data.parent / "outputs").glob(".run-*")]
    assert left == [".run-mine"]  # a user's own
    with filelock.FileLock(data / ".run.lock", timeout=0):
        pass


def changes(server, data):
    """Backfill and withdraw, with parameters; wrong ones end in words."""
    dry = server.ended(server.asked("backfill", start="2025-10-01", end="2025-10-31", dry_run=True))
    assert (dry["state_type"], dry["state"]["message"]) == ("COMPLETED", "dry run: nothing was changed")
    assert "revenue_before" in server.artifacts(dry["id"])["akasa-backfill"]
    wrong = server.ended(server.asked("backfill", start="2025-10-31", end="2025-10-01"))
    assert (wrong["state_type"], wrong["state"]["message"]) == (
        "FAILED",
        "UsageError: --end: 2025-10-01 is before --start 2025-10-31",
    )
    assert "Traceback" not in (data.parent / "served.log").read_text()
    done = server.ended(server.asked("withdraw", name="orders.xml"))
    assert done["state"]["message"] == "withdrawn; `make report` computes the KPIs anew"
    assert "28 orders were its own" in server.artifacts(done["id"])["akasa-withdraw"]


def processes(data, word):
    """Return the processes of a workspace in whose command a word stands."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in told[0] and f"DATA_DIR={data}".encode() in told[1]:
            found.append(int(folder.name))
    return found


# Without a server.


@pytest.fixture
def flow():
    """The module akasa.flow."""
    prefect.required()
    return import_module("akasa.flow")


def test_the_parameters_are_those_of_the_command_line_with_their_help_and_types(flow):
    forms, options = flow.report.parameters.properties, main.commands["report"].params
    assert set(forms) == {one.name for one in options}
    assert {name: form["description"] for name, form in forms.items()} == {
        one.name: one.help for one in options
    }
    assert forms["engine"]["anyOf"][0]["enum"] == ["pandas", "dask", "both"]
    assert forms["top_n"]["anyOf"][0] == {"minimum": 1, "maximum": 999_999_999, "type": "integer"}
    assert forms["as_of"]["anyOf"][0] == {"format": "date", "type": "string"}
    assert forms["only"]["anyOf"][0]["enum"] == list(STEPS)
    assert set(flow.backfill.parameters.properties) == {one.name for one in main.commands["backfill"].params}
    assert set(flow.withdraw.parameters.properties) == {one.name for one in main.commands["withdraw"].params}


def test_a_task_says_in_our_words_what_stopped_it_and_passes_a_bug_on(flow):
    def refuse():
        raise UsageError("top_n: 0 is not a whole number")

    state = flow.tasks.attempt.fn(refuse)
    assert (state.is_failed(), state.message) == (True, "UsageError: top_n: 0 is not a whole number")
    assert not flow.tasks.attempt.retry_condition_fn(None, None, state)
    away = flow.tasks.attempt.fn(lambda: (_ for _ in ()).throw(Busy("process 7 holds data")))
    assert flow.tasks.attempt.retry_condition_fn(None, None, away)
    with pytest.raises(ZeroDivisionError):
        flow.tasks.attempt.fn(lambda: 1 / 0)
    assert all(task.cache_policy is flow.tasks.NO_CACHE for task in flow.tasks.TASKS.values())
    assert set(STEPS) < set(flow.tasks.TASKS)


def test_prefect_tells_nobody_of_us(flow):
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "1"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--serve", "--cron", "99 5 * * *"], "'99 5 * * *' is not a time of cron's"),
        (["--serve", "--cron", "30 5 * * *", "--timezone", "Mars/One"], "'Mars/One' is not a time zone"),
        (["--cron", "30 5 * * *"], "--cron and --timezone go with --serve"),
        (["--serve"], "no server of Prefect's is named"),
        (["--top-n", "0"], "top_n: '0' is not a whole number"),
        (["--only", "06_more"], "there is no step '06_more'"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(flow, monkeypatch, workspace, options, said):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    told = CliRunner().invoke(flow.main, options)
    assert told.exit_code == 2
    assert said in told.output
    assert "Traceback" not in told.output


def test_where_prefect_is_not_installed_that_is_said():
    absent = "import runpy, sys; sys.modules['prefect'] = None; "
    called = [sys.executable, "-c", f"{absent}runpy.run_module('akasa.flow', None, '__main__')"]
    told = subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "Error: Prefect is not installed; make env EXTRA=flow\n"
