"""The image is built and run for real, with what compose.yaml says of its services: make test-containers."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from lib import containers, reference
from lib.containers import IMAGE, Engine

from akasa.run import samples
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.containers
PASSWORD, TOKEN = "c4n@ry:/pw#1", "t0ken-of-the-lab"
SERVICES = containers.compose(DB_PASSWORD=PASSWORD, JUPYTER_TOKEN=TOKEN)
HARDENED = ["--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]
USER = 10001


@pytest.fixture(scope="module")
def engine():
    """podman and buildah with the image in their storage."""
    containers.required()
    with Engine.in_folder(containers.kept()) as made:
        made.build()
        yield made


@pytest.fixture(autouse=True)
def _nothing_goes_on_running(engine):
    yield
    engine.podman("rm", "--all", "--force", "--time=0")


@pytest.fixture
def mounts(tmp_path):
    """The sample, and folders for what the workbook writes, mounted as compose.yaml says."""
    places = {"data": "derived", "outputs": "outputs", "work": "work", "./data": "deliveries"}
    for name in places.values():
        (tmp_path / name).mkdir()
        shutil.chown(tmp_path / name, USER, USER)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, tmp_path / "deliveries")
    (tmp_path / "deliveries/incoming").mkdir()
    named = [volume.partition(":") for volume in SERVICES["lab"]["volumes"]]
    return [f"--volume={tmp_path / places[what]}:{where}" for what, _, where in named]


@pytest.fixture
def network(engine):
    """A network on which services find one another by name."""
    engine.podman("network", "create", "akasa")
    yield "--network=akasa"
    engine.podman("network", "rm", "--force", "akasa")


def settings(service, **changes):
    """Return a service's environment as options of podman."""
    given = {**SERVICES[service]["environment"], **changes}
    return [f"--env={name}={value}" for name, value in given.items()]


def kpis(folder):
    """Return the KPI files of SQL, money as text; where they are read, nothing is rounded."""
    files = sorted((folder / "outputs").glob("sql_*.json"))
    return {one.stem.removeprefix("sql_"): json.loads(one.read_text(), parse_float=str) for one in files}


def computed():
    """Return the rows of the KPIs by the slow reference, from the sample."""
    return reference.kpis(
        reference.publish([(name, (ROOT / "data" / name).read_bytes()) for name in samples.SAMPLE])
    )


def expected():
    """Return what the KPI files of SQL say by the slow reference."""
    return {kpi: reference.kpi_json(kpi, rows) for kpi, rows in computed().items()}


def test_the_image_has_no_compiler_no_pip_nothing_of_tests_and_no_code_that_its_user_could_change(engine):
    def told(program, code):
        options = ["--rm", "--no-healthcheck", "--network=none", f"--entrypoint={program}"]
        return engine.podman("run", *options, IMAGE, "-c", code).stdout.split()

    assert told("sh", "command -v cc gcc c++ make pip pip3; id -u") == [str(USER)]
    writable = told("sh", "find /opt/akasa /srv/akasa -writable ! -type l")
    assert sorted(writable) == [f"/srv/akasa/{name}" for name in ("data", "outputs", "work")]
    absent = (
        "from importlib.util import find_spec as f; print(*filter(f, ['duckdb', 'moto', 'ruff', 'akasa']))"
    )
    assert told("python", absent) == ["akasa"]


def test_a_report_needs_no_network_no_right_and_no_place_to_write_but_its_folders(engine, mounts, tmp_path):
    shutil.copytree(tmp_path / "deliveries", tmp_path / "derived", dirs_exist_ok=True)
    options = ["run", "--rm", "--no-healthcheck", "--network=none", *HARDENED, *mounts]
    told = engine.podman(*options, IMAGE, "report", "--engine", "both")
    assert told.stdout.endswith("sql = pandas = dask, 23 totals tie → outputs/index.html\n")
    assert kpis(tmp_path) == expected()
    for kpi, rows in computed().items():
        for name in ("pandas", "dask"):
            with (tmp_path / "outputs" / f"{name}_{kpi}.csv").open(encoding="utf-8", newline="") as file:
                assert list(csv.reader(file)) == reference.kpi_csv(kpi, rows)
    owners = {path.stat().st_uid for path in (tmp_path / "outputs").rglob("*")}
    assert owners == {USER}
    assert health(engine, "--network=none", *mounts).returncode == 0


def test_the_workbook_waits_for_a_server_that_starts_later_and_says_the_same(
    engine, network, mounts, tmp_path
):
    root = containers.mysql_root()
    assert health(engine, network, *mounts, *settings("workbook")).returncode == 1
    run = ["run", "--rm", "--no-healthcheck", network, *HARDENED, *settings("workbook"), *mounts]
    began = engine.start(*run, IMAGE, *SERVICES["workbook"]["command"])
    serve(engine, network, root, tmp_path)
    said, _ = began.communicate(timeout=240)
    assert began.returncode == 0, said
    assert kpis(tmp_path) == expected()
    assert not (tmp_path / "derived/akasa.db").exists()
    assert PASSWORD not in said
    assert health(engine, network, *mounts, *settings("workbook")).returncode == 0


def test_the_lab_lets_in_who_has_the_token_and_nobody_else(engine, mounts, tmp_path):
    command = [*settings("lab"), *mounts, IMAGE, *SERVICES["lab"]["command"]]
    engine.podman("run", "--detach", "--name=lab", "--no-healthcheck", "--network=none", *HARDENED, *command)
    engine.wait_for("lab", "is running at")
    assert asked(engine, "lab", "/api/contents/work") == "403"
    assert asked(engine, "lab", f"/api/contents/work/05_report.ipynb?token={TOKEN}") == "200"
    health_of_lab = SERVICES["lab"]["healthcheck"]["test"][1:]
    assert engine.podman("exec", "lab", *health_of_lab, check=False).returncode == 0
    assert (tmp_path / "work/05_report.ipynb").exists()


def health(engine, *options):
    """Run the image's own health check in a container with these options."""
    asking = [*HARDENED, f"--entrypoint={json.dumps(engine.health_check())}"]
    return engine.podman("run", "--rm", "--no-healthcheck", *asking, *options, IMAGE, check=False)


def asked(engine, name, path):
    """Return the status of an answer to a question that is put inside of a container."""
    code = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "try: print(u.urlopen('http://127.0.0.1:8888' + sys.argv[1]).status)\n"
        "except e.HTTPError as error: print(error.code)"
    )
    return engine.podman("exec", name, "python", "-c", code, path).stdout.strip()


def serve(engine, network, root: Path, folder: Path):
    """Start MySQL with compose.yaml's options; its database and user are made as the image of MySQL does."""
    given, data = SERVICES["mysql"]["environment"], folder / "mysql"
    data.mkdir()
    shutil.chown(data, USER, USER)
    name, user = given["MYSQL_DATABASE"], given["MYSQL_USER"]
    (folder / "init.sql").write_text(
        f"create database {name};\n"
        f"create user '{user}'@'%' identified by '{given['MYSQL_PASSWORD']}';\n"
        f"grant all on {name}.* to '{user}'@'%';\n"
    )
    options = [f"--user={USER}", "--read-only", "--tmpfs=/tmp", "--cap-drop=all", f"--volume={data}:/data"]
    program = ["--rootfs", f"{root}:O", *containers.mysqld(root), "--datadir=/data/my"]
    engine.podman("run", "--rm", "--network=none", *options, *program, "--initialize-insecure")
    options += [f"--volume={folder / 'init.sql'}:/init.sql:ro", network, "--name=mysql", "--detach"]
    quiet = ["--mysqlx=OFF", "--secure-file-priv=NULL", "--socket=/tmp/mysql.sock", "--init-file=/init.sql"]
    engine.podman("run", *options, *program, *quiet, *SERVICES["mysql"]["command"])
    engine.wait_for("mysql", "ready for connections")
