"""Every command of docs/operations.md is run as it stands there, in a copy of the project, on each database.

Those that need Docker, a remote repository or a registry of packages are not: they are counted.
"""

import ast
import builtins
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import PurePath

import pytest
from lib import command, mysql, restoring
from lib.restoring import PAGE, outputs

from akasa.workspace.settings import ROOT, Settings

CODE = ("Makefile", "requirements.lock", "pyproject.toml", ".ci", "akasa", "notebooks")
NOT_HERE = {
    "make up": "Docker",
    "make seed": "Docker",
    "make down": "Docker",
    "docker compose": "Docker",
    "git pull": "a remote repository",
    "make env": "a registry of packages",
    "PREFECT_": "a server: tests/road/test_flow.py runs it",
    "export PREFECT_": "a server: tests/road/test_flow.py runs it",
    "python -m prefect": "a server: tests/road/test_flow.py runs it",
    "make flow": "a server: tests/road/test_flow.py runs it",
}
TEXT = PAGE.read_text("utf-8")
CONSOLES = re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
BLOCKS = [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in CONSOLES]


def store(block):
    """Return whose commands these are; those of any database are run on SQLite."""
    words = "\n".join(block)
    return "MySQL" if re.search(r"^mysql", words, re.M) else "MariaDB" if "mariadb" in words else "SQLite"


def runs_here(line):
    return not line.startswith(tuple(NOT_HERE))


@pytest.fixture
def project(tmp_path):
    """A copy of the project with the sample and a second day, whose python runs notebooks without kernels."""
    folder = tmp_path / "project"
    command.sample(folder)
    shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming")
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    quick = shlex.quote(str(ROOT / "tests/lib/quick.py"))
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {quick} "$@"\n')
    python.chmod(0o755)
    (folder / ".venv/.has-report").touch()
    return folder


@pytest.fixture(params=["SQLite", "MariaDB", "MySQL"])
def database(request, tmp_path):
    """Give the database's name, what makes an empty one and returns its environment, and folders for PATH."""
    if request.param == "SQLite":
        return request.param, lambda name: {}, []
    server = request.getfixturevalue(f"{request.param.lower()}_server")
    if request.param == "MySQL":
        mysql.clients(tmp_path / "bin")
    return request.param, lambda name: server.create(f"page_{name}"), [str(tmp_path / "bin")]


def shell(lines, project, folders, environment):
    """Run the lines of a block in one shell, which ends at the first that fails."""
    given = {
        "PATH": ":".join([str(project / ".venv/bin"), *folders, "/usr/bin", "/bin", "/usr/sbin", "/sbin"]),
        "PYTHONPATH": f"{project}:{ROOT / 'tests'}",
        "HOME": str(project),
        "SOURCE_DATE_EPOCH": restoring.EPOCH,
        "TODAY": "2025-11-15",
        **environment,
    }
    script = ["bash", "-euc", "\n".join(lines)]
    done = subprocess.run(script, cwd=project, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.long
def test_every_command_runs_as_it_stands_there(project, database, tmp_path):
    """Before a restore, all that is to be restored is taken away; afterwards the KPI files are the same."""
    name, empty, folders = database
    where = empty("first")
    shell(["python -m akasa report"], project, folders, where)
    reported = kpis(project)
    blocks = [block for block in BLOCKS if store(block) == name]
    assert blocks
    for block in blocks:
        if block and block[0].startswith("mkdir -p backup"):
            shutil.rmtree(project / "backup", ignore_errors=True)
        if block and block[0].startswith("tar -xzf"):
            for lost in ("data", "outputs"):
                shutil.move(project / lost, tmp_path / f"lost {lost}")
            where = empty("second")
        # where the exporter looks on a real machine
        lines = [line.replace("/var/lib/node_exporter/textfile", str(tmp_path)) for line in block]
        shell([line for line in lines if runs_here(line)], project, folders, where)
        assert kpis(project) == reported
    assert (tmp_path / "akasa.prom").exists() == (name == "SQLite")
    assert (tmp_path / "lost data").exists()


def kpis(project):
    return {name: found for name, found in outputs(project).items() if name.startswith(("sql_", "pandas_"))}


def test_what_is_not_run_here_is_counted(record_property):
    left_out = [line for block in BLOCKS for line in block if not runs_here(line)]
    record_property("commands of docs/operations.md that are not run", left_out)
    of_prefect = re.compile("PREFECT_|prefect|make flow")
    assert [line.split()[:2] for line in left_out if not of_prefect.search(line)] == [
        *(["make", "up"], ["make", "seed"], ["make", "down"]),
        *(["docker", "compose"], ["git", "pull"], ["make", "env"]),
    ]


def test_what_is_no_command_is_a_setting():
    lines = [line for block in CONSOLES for line in block.splitlines()]
    given = [line.partition("=")[0] for line in lines if not line.startswith("$ ")]
    assert given
    assert [name for name in given if name.lower() not in Settings.model_fields] == []


# When a run fails.

SOURCES = [path.read_text("utf-8") for path in sorted((ROOT / "akasa").rglob("*.py"))]
TREES = [ast.walk(ast.parse(text)) for text in SOURCES]
CLASSES = {one.name: one for tree in TREES for one in tree if isinstance(one, ast.ClassDef)}
# What the command line tells as wrong usage; what names its cause instead; what readers tell each other.
TOLD_OTHERWISE = {"SettingsError", "UsageError", "StepFailed", "Stopped"}
INNER = {"CannotSplit", "LimitBroken", "NotPlain", "_Enough", "_Root"}
FAILURES = TEXT.partition("\n## When a run fails\n")[2]


def is_error(name):
    """Say whether a class is an exception, of Python's or ours."""
    known = getattr(builtins, name, None)
    if known is not None:
        return isinstance(known, type) and issubclass(known, BaseException)
    bases = CLASSES[name].bases if name in CLASSES else []
    return any(is_error(base.id) for base in bases if isinstance(base, ast.Name))


def test_every_error_of_ours_has_what_to_do_about_it():
    ours = {name for name in CLASSES if is_error(name)} - TOLD_OTHERWISE - INNER
    told = {name for name in re.findall(r"`(\w+)", FAILURES) if is_error(name)}
    assert sorted(ours - told) == []
    assert {name for name in told if name not in CLASSES and not hasattr(builtins, name)} == set()


def test_the_words_of_each_failure_are_those_of_the_code():
    """Between their dots; what comes from Python, the system or a database stands in no source of ours."""
    spans = re.findall(r"^\| [\d, or none]+ \| (.*?) \| ", FAILURES, re.M)
    quoted = [span for cell in spans for span in re.findall(r"`([^`]+)`", cell)]
    texts = re.sub(r'"\s*\n\s*f?"', "", "\n".join(SOURCES))
    parts = [part.strip(" .:") for span in quoted for part in re.sub(r"^\w+(: |$)", "", span).split("…")]
    foreign = {"Killed", "[Errno 28] No space left on device", "Usage", "Error"}
    wanted = {re.sub(r"^Error: ", "", part) for part in parts if part} - foreign
    assert len(wanted) > 25
    assert sorted(part for part in wanted if part not in texts) == []


# Tests that go by the words of an error, not by its name.
BY_WORDS = {
    "NoSuchRun": "there is no run ",
    "Unreadable": "is not what run ",
    "SecretUnavailable": "cannot be used: ",
    "NewerDatabase": "use that version, then",
    "Busy": "holds ",
    "NotAsked": " has no row up to ",
    "NothingKnown": "no delivery was known by ",
    "Behind": "the database is of an earlier version",
}


def test_every_error_was_seen_by_a_test():
    ours = {name for name in CLASSES if is_error(name)} - TOLD_OTHERWISE - INNER
    others = [
        path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.name != PurePath(__file__).name
    ]
    texts = "\n".join(path.read_text("utf-8") for path in others)
    assert [
        name
        for name in sorted(ours)
        if not re.search(rf"\b{name}\b", texts) and BY_WORDS.get(name, "-\0") not in texts
    ] == []
