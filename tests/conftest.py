"""What every test stands on: no setting of the developer's machine, and folders of its own."""

import functools
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from lib import mariadb
from lib.once import made_once

from akasa.stores import migrate
from akasa.workspace import settings
from akasa.workspace.settings import Settings

# The first example of a test pays for imports, and machines differ: no deadline.
hypothesis.settings.register_profile("akasa", deadline=None)
hypothesis.settings.load_profile("akasa")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no core waits for a last one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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


@pytest.fixture
def migrated(workspace: Settings) -> Settings:
    """A workspace whose database has its tables."""
    migrate.upgrade(workspace)
    return workspace


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give `made_once` in a folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return functools.partial(made_once, base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mariadb.Server]:
    """A private MariaDB server of this worker, from the first test on that needs it.

    Skipped, or failed in CI, where it is not installed.
    """
    mariadb.required()
    with mariadb.server(tmp_path_factory.mktemp("mariadb")) as started:
        yield started


_databases = count(1)


@pytest.fixture
def on_mariadb(
    workspace: Settings, mariadb_server: mariadb.Server, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Settings]:
    """Give a function that makes an empty database and returns the settings that point at it."""

    def made(charset: str = "utf8mb4 collate utf8mb4_unicode_ci", **changes: str) -> Settings:
        environment = mariadb_server.create(f"akasa_{next(_databases)}", charset)
        for name, value in {**environment, **changes}.items():
            monkeypatch.setenv(name, value)
        return settings.load()

    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each file of the corpus came to."""
    for report in (one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ())):
        for name, table in getattr(report, "user_properties", ()):
            if name == "corpus":
                terminalreporter.section(f"hostile and odd files: {len(table)}")
                for line in table:
                    terminalreporter.write_line(line)
