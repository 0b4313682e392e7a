"""What every test stands on: no setting of the developer's machine, and folders of its own."""

import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase
from lib import buckets, mariadb, mysql
from lib.once import made_once
from lib.servers import Server

from akasa.stores import migrate
from akasa.workspace import settings
from akasa.workspace.settings import Settings

# The first example of a test pays for imports, and machines differ: no deadline. Who only wants to know that
# a test fails need not wait until the example is small.
WITHOUT_SHRINKING = [one for one in Phase if one not in (Phase.shrink, Phase.explain)]
hypothesis.settings.register_profile("akasa", deadline=None)
hypothesis.settings.register_profile("unshrunk", deadline=None, phases=WITHOUT_SHRINKING)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "akasa"))


PROOFS_UNTIL = "AKASA_PROOFS_UNTIL"  # seconds since 1970
NO_TIME_LEFT = "no time was left for this long proof: run `make test-long`"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Have more workers than there are cores: for tests wait for servers and browsers, long proofs most."""
    cores = os.cpu_count() or 1
    return 2 * cores if config.option.markexpr == "long" else 1 + cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no core waits for a last one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no long proof when CI's time is up (.ci/run says when): the summary names what was not run."""
    if item.get_closest_marker("long") and time.time() > float(os.environ.get(PROOFS_UNTIL, "inf")):
        pytest.skip(NO_TIME_LEFT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what caught which planted bug, what became of the corpus's files, what there was no time for."""
    passed = terminalreporter.stats.get("passed", [])
    caught = [text for report in passed for name, text in report.user_properties if name == "caught"]
    if caught:
        terminalreporter.section("planted bugs, and what caught them")
        terminalreporter.write_line("\n".join(caught))
    skipped = terminalreporter.stats.get("skipped", [])
    if unproved := [report.nodeid for report in skipped if NO_TIME_LEFT in str(report.longrepr)]:
        terminalreporter.section(f"no time was left for {len(unproved)} long proofs: run `make test-long`")
        terminalreporter.write_line("\n".join(unproved))
    judged = [*passed, *terminalreporter.stats.get("failed", [])]
    for table in [table for report in judged for name, table in report.user_properties if name == "corpus"]:
        terminalreporter.section(f"hostile and odd files: {len(table)}")
        terminalreporter.write_line("\n".join(table))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in [name for name in os.environ if name.upper() in known]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AKASA_ENV_FILE", os.devnull)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings whose data and outputs lie below tmp_path; what a test starts sees the same ones."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "outputs"))
    for folder in ("data/incoming", "outputs"):
        (tmp_path / folder).mkdir(parents=True)
    return settings.load()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give `made_once` in a folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return functools.partial(made_once, base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def prepared(once: Callable[..., Any], workspace: Settings) -> Callable[..., Settings]:
    """Give a function that leaves the workspace as `make(settings)` leaves one: made once, then copied."""

    def laid(name: str, make: Callable[[Settings], object]) -> Settings:
        def made(folder: Path) -> Path:
            make(workspace.model_copy(update={"data_dir": folder / "data", "output_dir": folder / "outputs"}))
            return folder

        shutil.copytree(once(name, made), workspace.data_dir.parent, dirs_exist_ok=True, symlinks=True)
        return workspace

    return laid


@pytest.fixture
def migrated(prepared: Callable[..., Settings]) -> Settings:
    """A workspace whose database has its tables."""
    return prepared("migrated", migrate.upgrade)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A private MariaDB server of this worker, from the first test on that needs it.

    Skipped, or failed in CI, where it is not installed.
    """
    mariadb.required()
    with mariadb.Server.running(tmp_path_factory.mktemp("mariadb")) as started:
        yield started


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A private MySQL server of this worker; skipped where there is none."""
    mysql.required()
    with mysql.Server.running(tmp_path_factory.mktemp("mysql")) as started:
        yield started


@pytest.fixture(params=["MariaDB", pytest.param("MySQL", marks=pytest.mark.long)])
def server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server."""
    found: Server = request.getfixturevalue(f"{request.param.lower()}_server")
    return found


_databases = count(1)
_buckets = count(1)


@pytest.fixture
def emptied(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Give a function that makes an empty database on a server and returns the settings that point at it."""

    def made(server: Server, charset: str = "utf8mb4 collate utf8mb4_unicode_ci", **changes: str) -> Settings:
        environment = server.create(f"akasa_{next(_databases)}", charset)
        for name, value in {**environment, **changes}.items():
            monkeypatch.setenv(name, value)
        return settings.load()

    return made


@pytest.fixture
def on_server(emptied: Callable[..., Settings], server: Server) -> Callable[..., Settings]:
    """Give what makes an empty database on each kind of server."""
    return functools.partial(emptied, server)


@pytest.fixture
def on_mariadb(emptied: Callable[..., Settings], mariadb_server: Server) -> Callable[..., Settings]:
    """Give what makes an empty database on MariaDB."""
    return functools.partial(emptied, mariadb_server)


@pytest.fixture
def on_mysql(emptied: Callable[..., Settings], mysql_server: Server) -> Callable[..., Settings]:
    """Give what makes an empty database on MySQL."""
    return functools.partial(emptied, mysql_server)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[buckets.Server]:
    """A private S3 server of this worker, which takes any keys."""
    with buckets.moto(tmp_path_factory.mktemp("moto")) as started:
        yield started


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[buckets.Server]:
    """A private SeaweedFS server of this worker; skipped, or failed in CI, where it is not installed."""
    with buckets.seaweed(tmp_path_factory.mktemp("seaweed")) as started:
        yield started


@pytest.fixture
def in_a_bucket(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Give a function that makes a bucket on a server and returns settings whose warehouse lies in it."""

    def made(server: buckets.Server, **changes: str) -> Settings:
        environment = server.create(f"akasa-{next(_buckets)}")
        for name, value in {**environment, "WAREHOUSE_URL": "s3:///warehouse", **changes}.items():
            monkeypatch.setenv(name, value)
        return settings.load()

    return made


@pytest.fixture
def on_moto(in_a_bucket: Callable[..., Settings], moto: buckets.Server) -> Callable[..., Settings]:
    """Give what makes a bucket on moto's server."""
    return functools.partial(in_a_bucket, moto)


@pytest.fixture
def on_seaweed(in_a_bucket: Callable[..., Settings], seaweed: buckets.Server) -> Callable[..., Settings]:
    """Give what makes a bucket on SeaweedFS."""
    return functools.partial(in_a_bucket, seaweed)
