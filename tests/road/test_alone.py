"""Whole runs beside others, in the worlds that machines are, stopped from outside, and with secrets given."""

import base64
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lib import aws
from lib.command import sample
from lib.promoting import KEPT

from akasa.workspace import promotion
from akasa.workspace.settings import ROOT, Settings

pytestmark = pytest.mark.slow

CANARIES = {
    "DB_PASSWORD": "canary-1-password",
    "AWS_ACCESS_KEY_ID": "AKIAOFATEST",  # one does not go without the other
    "AWS_SECRET_ACCESS_KEY": "canary-2-secret-key",
    "AWS_SESSION_TOKEN": "canary-3-token",
    "HTTPS_PROXY": "http://proxy:canary-4-in-a-url@127.0.0.1:1/",
}
IN_FILE = "canary-5-in-the-file"
BREAKING = "raise SystemExit('a start-up file of the user was run')\n"


def checkout(folder):
    """Copy the code and make it read-only."""
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def contents(folder):
    """Return name → bytes of the files of a run below a folder; locks are none."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def start(data, code, *interpreter, user=(), clean=False, **environment):
    """Start a report in a process of its own; `clean`: with nothing of this process's environment."""
    defaults = {name.upper(): "" for name in Settings.model_fields}
    folders = {"DATA_DIR": str(data), "OUTPUT_DIR": str(data.parent / "outputs")}
    given = {"PATH": os.environ["PATH"]} if clean else os.environ
    ours = {**defaults, "AKASA_ENV_FILE": os.devnull, "PYTHONPATH": str(code), **folders, **environment}
    options = {
        "env": {**given, **ours},
        "cwd": data.parent,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    command = [*user, sys.executable, *interpreter, "-m", "akasa", "report"]
    return lambda *more, **how: subprocess.Popen([*command, *more], **options, **how)


def ended(process, seconds=300):
    """Wait for a process; return its status and all that it said."""
    said, complaints = process.communicate(timeout=seconds)
    return process.returncode, (said + complaints).decode()


def another_user():
    """Return a command that starts others as a user whom the system does not know, without root's rights."""
    command = ["unshare", "--user", "--map-user=4711", "--map-group=4711"]
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return []
    return command if subprocess.run([*command, "true"], check=False).returncode == 0 else []


def breaking_home(home):
    """Fill a home folder with what would change or break a kernel, and let nobody write to it."""
    texts = {
        ".local/share/jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": ["/bin/false"], "language": "x"}
        ),
        ".ipython/profile_default/startup/00-break.py": BREAKING,
        ".ipython/profile_default/ipython_kernel_config.py": "c.IPKernelApp.exec_lines = ['1/0']\n",
        ".config/matplotlib/matplotlibrc": "figure.dpi: 31\naxes.facecolor: red\n",
        "startup.py": BREAKING,
    }
    for name, text in texts.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    kernels = str(home / ".local/share/jupyter")
    return {"HOME": str(home), "JUPYTER_PATH": kernels, "PYTHONSTARTUP": str(home / "startup.py")}


def too_open(folder):
    """Return what a run made below a folder that others than its user may read."""
    made = (path for path in folder.rglob("*") if path.name not in ("customers.csv", "orders.xml"))
    return [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.long
def test_two_runs_at_once_from_one_read_only_checkout_in_two_worlds_leave_the_same_bytes(tmp_path):
    """One with a read-only home that breaks kernels, umask 000; one without a home, -O, LANG=C, umask 077."""
    code, one, two = checkout(tmp_path / "code"), sample(tmp_path / "one"), sample(tmp_path / "two")
    settings = tmp_path / "env"
    settings.write_text(f"SOME_PASSWORD={IN_FILE}\n")
    home = breaking_home(tmp_path / "home")
    before = contents(code)
    known = {"SOURCE_DATE_EPOCH": "1700000000", "AKASA_ENV_FILE": str(settings), **CANARIES}
    user = another_user()
    first = start(one, code, user=user, **home, **known)
    second = start(two, code, "-O", user=user, clean=True, LANG="C", LC_ALL="C", PYTHONOPTIMIZE="1", **known)
    options = ("--engine", "both", "--top-n", "5")
    runs = [first(*options, umask=0o000), second(*options, umask=0o077)]
    arguments = b"".join(Path(f"/proc/{run.pid}/cmdline").read_bytes() for run in runs)
    said = [ended(run) for run in runs]
    assert [status for status, _ in said] == [0, 0], said
    assert contents(one.parent / "outputs") == contents(two.parent / "outputs")
    assert contents(code) == before
    assert {path.name for path in (code / "notebooks").iterdir()} == {
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    assert too_open(one) == too_open(two) == []
    assert stat.S_IMODE((one.parent / "outputs/index.html").stat().st_mode) == 0o666
    assert stat.S_IMODE((one.parent / "outputs/data_docs").stat().st_mode) == 0o777
    assert stat.S_IMODE((two.parent / "outputs/index.html").stat().st_mode) == 0o600
    written = b"".join([*contents(one.parent).values(), *contents(two.parent).values()])
    assert b"canary" not in arguments + written + "".join(text for _, text in said).encode()


def planted(folder, code):
    """Return a copy of the code whose first step runs this instead of staging."""
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "akasa/ingest/staging.py").open("a") as module:
        module.write(f"\n\ndef stage_all(*_):\n    import os, time\n    {code}\n")
    return folder


def telling(folder, module, function):
    """Return a copy of the code in which one function prints the environment, and does what it did."""
    for name in ("akasa", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / module).open("a") as file:
        file.write(
            f"\n\n_silent = {function}\n\n\ndef {function}(*given):\n    import os\n\n"
            "    print(dict(os.environ))\n    return _silent(*given)\n"
        )
    return folder


def until_noted(file, process):
    """Wait until the kernel has noted its process id; return it."""
    for _ in range(1200):
        if file.exists() and file.read_text():
            return int(file.read_text())
        assert process.poll() is None, ended(process)
        time.sleep(0.05)
    raise AssertionError("the kernel never came so far")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


NOTES = "open(os.environ['NOTE'], 'w').write(str(os.getpid()))"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long)]
)
def test_a_run_that_is_stopped_leaves_no_kernel_no_lock_and_the_old_outputs(tmp_path, number, status):
    code = planted(tmp_path / "code", f"{NOTES}; time.sleep(600)")
    data = sample(tmp_path / "work")
    outputs = data.parent / "outputs"
    outputs.mkdir()
    (outputs / "index.html").write_text("old")
    note = tmp_path / "note"
    process = start(data, code, NOTE=str(note))()
    pid = until_noted(note, process)
    channels = Path((data / ".run.kernels").read_text())
    assert channels.is_dir()
    process.send_signal(number)
    returned, said = ended(process, 60)
    on = f"stopped; earlier outputs are untouched. Go on with: AKASA_ENV_FILE={os.devnull} DATA_DIR={data} "
    assert (returned, on in said) == (status, True), said
    assert not is_alive(pid)
    assert not channels.exists()
    assert contents(outputs) == {"index.html": b"old"}
    assert {path.name for path in data.iterdir()} <= {
        *("customers.csv", "orders.xml", ".run.lock", ".publish.lock")
    }


def test_what_a_killed_run_leaves_is_no_secret_and_goes_with_the_next_one(tmp_path):
    """And a kernel that is killed, with secrets in its error, is named and kept without them."""
    code = planted(tmp_path / "code", f"{NOTES}; time.sleep(600)")
    data, note = sample(tmp_path / "work"), tmp_path / "note"
    for name in KEPT:
        (data.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (data.parent / name).write_text("mine")
    process = start(data, code, NOTE=str(note), **CANARIES)()
    pid = until_noted(note, process)
    lines = [Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, process.pid)]
    process.kill()
    returned, said = ended(process, 60)
    assert returned == -signal.SIGKILL
    channels = Path((data / ".run.kernels").read_text())
    assert channels.is_dir()
    assert b"canary" not in b"".join([*lines, *contents(data.parent).values(), *contents(channels).values()])
    assert "canary" not in said

    again = planted(tmp_path / "again", "raise ValueError(f'cannot log in: {os.environ}')")
    returned, said = ended(start(data, again, **CANARIES)())
    assert returned == 1
    assert "01_ingest       FAILED" in said
    assert "ValueError: cannot log in" in said
    assert not channels.exists()
    assert set(contents(data.parent)) - set(KEPT) == {
        *("data/customers.csv", "data/orders.xml"),
        *(f"data/failed/{name}" for name in ("run.json", "01_ingest.html", "01_ingest.ipynb")),
    }
    assert [name for name in KEPT if not (data.parent / name).exists()] == []
    assert too_open(data / "failed") == [data / "failed/mine.ipynb"]
    assert b"canary" not in b"".join(contents(data.parent).values()) + said.encode()


@pytest.mark.long
@pytest.mark.parametrize(
    "faulty",
    [
        {"DB_HOST": "mysql://akasa:canary-6-in-a-host@127.0.0.1", "DB_PORT": "1"},
        {"CUSTOMERS_CSV_PATH": "s3://key:canary-7-in-a-path@bucket/customers.csv"},
    ],
    ids=lambda faulty: next(iter(faulty)),
)
def test_a_run_that_fails_by_its_settings_shows_no_secret(tmp_path, faulty):
    data = sample(tmp_path)
    returned, said = ended(start(data, ROOT, **{**CANARIES, **faulty})())
    assert returned == 1, said
    assert "canary" not in said
    assert "***@" in said
    assert b"canary" not in b"".join(contents(tmp_path).values())


@pytest.mark.parametrize(
    ("delivery", "told_by", "step", "cause"),
    [
        (
            ("customers_2025-11-11.csv", "customer_id,customer_name,mobile_number,region\nC1,A,12,North\n"),
            ("akasa/validate/judging.py", "counts"),
            "02_validate",
            "GateStopped: incoming/customers_2025-11-11.csv: 1 of 1 records were rejected",
        ),
        pytest.param(
            ("orders_2025-11-11.xml", "<orders>\n<order>\n</orders>"),
            ("akasa/ingest/staging.py", "table"),
            "01_ingest",
            "RefusedDelivery: incoming/orders_2025-11-11.xml, line 3",
            marks=pytest.mark.long,
        ),
    ],
    ids=["stopped by the gate", "a refused file"],
)
def test_a_run_that_its_deliveries_end_leaves_no_secret(tmp_path, delivery, told_by, step, cause):
    """Though the notebook that is kept shows the whole environment, and what the file of settings gives."""
    data, note = sample(tmp_path / "work"), tmp_path / "env"
    (data / "incoming").mkdir()
    name, text = delivery
    (data / "incoming" / name).write_text(text)
    note.write_text(f"SOME_PASSWORD={IN_FILE}\n")
    code = telling(tmp_path / "code", *told_by)
    process = start(data, code, AKASA_ENV_FILE=str(note), COPIED=IN_FILE, **CANARIES)()
    lines = arguments_until_ended(process)
    returned, said = ended(process)
    assert (returned, f"{step:<16}FAILED" in said, cause in said) == (1, True, True), said
    kept = (data / f"failed/{step}.ipynb").read_text("utf-8")
    assert "'DB_PASSWORD': '***'" in kept
    assert "'COPIED': '***'" in kept
    assert b"canary" not in b"".join(contents(data.parent).values()) + said.encode() + lines
    assert b"akasa.run.nursery" in lines


@pytest.mark.long
def test_what_comes_from_aws_is_asked_for_once_and_shown_nowhere(tmp_path):
    """Though each of five notebooks reads the settings, and the first one shows its whole environment."""
    held = aws.secret('{"DB_PASSWORD": "canary-8-of-aws", "AMOUNT_IS": "line", "MAX_REJECT_RATIO": 0.5}')
    data = sample(tmp_path / "work")
    code = telling(tmp_path / "code", "akasa/ingest/staging.py", "table")
    with aws.answering(held) as (endpoint, asked):
        given = {**CANARIES, **aws.given(endpoint), "AWS_SECRET_NAME": "prod/akasa"}
        returned, said = ended(start(data, code, **given)())
    assert (returned, len(asked)) == (0, 1), said
    assert b"'AKASA_SECRET_READ': '***'" in (tmp_path / "work/outputs/notebooks/01_ingest.ipynb").read_bytes()
    written = b"".join(contents(tmp_path / "work").values())
    assert b"canary" not in written + said.encode()
    assert base64.b64encode(b'{"prod/akasa"')[:16] not in written + said.encode()


def arguments_until_ended(process):
    """Return the command lines of a process and of all that it starts, looked at until it ends."""
    seen = set()
    while process.poll() is None:
        seen |= {line for pid in (process.pid, *children(process.pid)) for line in command_line(pid)}
        time.sleep(0.05)
    return b"\n".join(sorted(seen))


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_line(pid):
    try:
        return [Path(f"/proc/{pid}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_limits_end_a_run_and_are_named_in_the_console_and_in_the_kept_notebook(tmp_path):
    data = sample(tmp_path)
    returned, said = ended(start(data, ROOT, CELL_TIMEOUT="0.001")())
    cause = "the cell took longer than CELL_TIMEOUT allows (0.001 s)"
    assert (returned, cause in said) == (1, True), said
    assert cause in (data / "failed/01_ingest.html").read_text("utf-8")
    assert promotion.told(data / "failed")["cause"].startswith("TookTooLong: in cell ")
