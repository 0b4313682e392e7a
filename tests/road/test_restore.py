"""A dump of the database and copies of files, taken at any time, bring the report back to the byte.

The commands are those of docs/operations.md, as they stand there.
"""

import re
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from lib import command, mysql, restoring
from lib.restoring import outputs, without

from akasa.publish import database_load
from akasa.stores import soundness
from akasa.workspace.settings import ROOT

MOMENTS = ("before the commit", "after the commit")
OF_AUDITS = ("audit.html", "data_docs")  # who publishes again has audited once more
ACCOUNT = "notebooks/02_validate"  # of what a run has published
DERIVED = ("warehouse", "akasa.db", ".database.json", ".run.steps", ".run.lock", ".publish.lock")


class Original(NamedTuple):
    """A workspace that has published a second day; and as it was at two moments of that, by its dumps."""

    folder: Path
    moments: dict[str, Path]
    environment: dict[str, str]


def published(folder, patched, dump, load=None, **environment):
    """Report the sample, then a day with it, of which `dump` is called in the midst."""
    command.sample(folder)
    (folder / "data/incoming").mkdir()
    restoring.report(patched, folder, **environment)
    shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming", dirs_exist_ok=True)
    moments, reached = {}, database_load.reached

    def dumping(place):
        if place in MOMENTS:
            moments[place] = dump(place)
        reached(place)

    with patched.context() as during:
        during.setattr(database_load, "reached", dumping)
        restoring.report(patched, folder, **environment)
    return Original(folder, moments, environment)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")

    def dump(place):
        done = restoring.shell(restoring.command('python -c "import sqlite3'), backed_up(folder, place))
        assert done.returncode == 0, done.stderr
        return folder / place

    with pytest.MonkeyPatch.context() as patched:
        return published(folder, patched, dump)


def backed_up(folder, place):
    """Copy the files of a moment, and give a folder in which the dump of it comes to lie in backup/."""
    there = folder / place
    (there / "backup").mkdir(parents=True)
    (there / "data").symlink_to(folder / "data")
    shutil.copytree(
        folder / "data", there / "kept/data", ignore=shutil.ignore_patterns(*DERIVED, "akasa.db-*")
    )
    return there


def restored(original, moment, folder):
    """Restore the files and SQLite's dump of a moment, and all deliveries."""
    there = original.moments[moment]
    shutil.copytree(there / "kept/data", folder / "data")
    shutil.copytree(original.folder / "data/incoming", folder / "data/incoming", dirs_exist_ok=True)
    shutil.copy(there / "backup/akasa.db", folder / "data/akasa.db")
    return folder


@pytest.fixture(scope="module")
def again(on_sqlite, tmp_path_factory):
    """The outputs of the original's next run, by force."""
    folder = tmp_path_factory.mktemp("again") / "w"
    shutil.copytree(on_sqlite.folder / "data", folder / "data")
    with pytest.MonkeyPatch.context() as patched:
        restoring.report(patched, folder, force=True)
    return outputs(folder)


def test_a_dump_has_all_of_a_publish_or_nothing_of_it(on_sqlite):
    counted = []
    for moment in MOMENTS:
        with closing(sqlite3.connect(on_sqlite.moments[moment] / "backup/akasa.db")) as opened:
            (found,) = opened.execute("select count(*) from deliveries").fetchone()
        counted.append(found)
    assert counted == [2, 4]


@pytest.mark.long
def test_from_a_dump_before_the_commit_the_day_is_published_again(on_sqlite, tmp_path, monkeypatch):
    folder = restored(on_sqlite, "before the commit", tmp_path)
    restoring.report(monkeypatch, folder)
    assert outputs(folder, OF_AUDITS) == outputs(on_sqlite.folder, OF_AUDITS)


@pytest.mark.long
def test_from_a_dump_after_the_commit_the_next_report_is_the_same(on_sqlite, again, tmp_path, monkeypatch):
    folder = restored(on_sqlite, "after the commit", tmp_path)
    restoring.report(monkeypatch, folder)
    assert outputs(folder) == again
    apart = {name for name in again if again[name] != outputs(on_sqlite.folder)[name]}
    assert {name.partition(".")[0] for name in apart} == {ACCOUNT}


def without_verdicts(found):
    """Leave out how deliveries were accounted for: what was published before is audited without that."""
    page = re.sub(rb"<summary>Audit verdicts: .*?</details>", b"", found["index.html"], flags=re.DOTALL)
    leaving = (*OF_AUDITS, ACCOUNT, "tables/audit_verdicts.csv")
    return {**{name: one for name, one in found.items() if not name.startswith(leaving)}, "index.html": page}


def test_of_deliveries_and_a_dump_alone_the_report_is_the_same(on_sqlite, again, tmp_path, monkeypatch):
    """All else is made anew: staging, judgements, rejects, the warehouse; all is audited once more."""
    folder = restored(on_sqlite, "after the commit", tmp_path)
    without(folder, "staging", "judged", "rejects", "audits")
    restoring.report(monkeypatch, folder)
    now, before = (without_verdicts(found) for found in (outputs(folder), again))
    assert now == before
    assert any((folder / "data/rejects").iterdir())


def test_a_warehouse_that_is_ahead_of_the_dump_is_made_anew_and_said_so(
    on_sqlite, tmp_path, monkeypatch, capsys
):
    folder = restored(on_sqlite, "before the commit", tmp_path)
    shutil.copytree(on_sqlite.folder / "data/warehouse", folder / "data/warehouse")
    restoring.report(monkeypatch, folder)
    said = capsys.readouterr().err
    assert "warning: the warehouse is made anew from the database: it was ahead, as after a restore" in said
    assert "with a publish of incoming/customers_2025-11-12.csv, incoming/orders_2025-11-12.xml" in said
    left_out = (*OF_AUDITS, "notebooks")
    assert outputs(folder, left_out) == outputs(on_sqlite.folder, left_out)


# Servers.


@pytest.fixture(params=["MariaDB", "MySQL"])
def with_clients(request, tmp_path, monkeypatch):
    """Give a server with its own programs for dumps on PATH, and what they are called in the page."""
    if request.param == "MariaDB":
        return request.getfixturevalue("mariadb_server"), ("mariadb-dump ", "mariadb --host")
    found = request.getfixturevalue("mysql_server")
    mysql.clients(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{restoring.os.environ['PATH']}")
    return found, ("mysqldump ", "mysql --host")


@pytest.mark.long
def test_dumps_of_a_server_restore_the_report(with_clients, tmp_path, monkeypatch):
    server, (dumping, loading) = with_clients
    name = f"restored_{server.port}"
    where = server.create(name)

    def dump(place):
        there = backed_up(tmp_path / "w", place)
        secret = {"MYSQL_PWD": where["DB_PASSWORD"]}
        done = restoring.shell(restoring.command(dumping), there, **where, **secret)
        assert done.returncode == 0, done.stderr
        return there

    original = published(tmp_path / "w", monkeypatch, dump, **where)
    for number, moment in enumerate(MOMENTS):
        there, folder = original.moments[moment], tmp_path / f"r{number}"
        empty = server.create(f"{name}_{number}")
        secret = {"MYSQL_PWD": empty["DB_PASSWORD"]}
        done = restoring.shell(restoring.command(loading), there, **empty, **secret)
        assert done.returncode == 0, done.stderr
        shutil.copytree(there / "kept/data", folder / "data")
        shutil.copytree(original.folder / "data/incoming", folder / "data/incoming", dirs_exist_ok=True)
        restoring.report(monkeypatch, folder, **empty)
        left_out = (*OF_AUDITS, "notebooks")  # 03 shows the server's own plan of each query
        assert outputs(folder, left_out) == outputs(original.folder, left_out)


# While a whole run goes on.


@pytest.mark.long
def test_dumps_and_copies_of_a_run_that_goes_on(tmp_path, reported):
    """Each dump is of one moment; so is each copy of the file, or it is told to be none."""
    folder = tmp_path / "w"
    shutil.copytree(reported, folder / "data", ignore=shutil.ignore_patterns("failed", ".*"))
    shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming")
    (folder / "backup").mkdir()
    before = rows(folder / "data/akasa.db")
    fixed = {"SOURCE_DATE_EPOCH": restoring.EPOCH, "KEEP_RUNS": "0"}
    with ThreadPoolExecutor() as threads:
        running = threads.submit(command.report, folder / "data", **fixed)
        dumps, copies = [], []
        while not running.done():
            dump, copy = (folder / f"{what}-{len(dumps)}.db" for what in ("dump", "copy"))
            assert restoring.shell(restoring.command('python -c "import sqlite3'), folder).returncode == 0
            dumps.append((folder / "backup/akasa.db").rename(dump))
            copies.append(Path(shutil.copy(folder / "data/akasa.db", copy)))
            time.sleep(0.5)
    assert running.result().returncode == 0, running.result().stderr
    after = rows(folder / "data/akasa.db")
    assert {str(rows(dump)) for dump in dumps} == {str(before), str(after)}
    assert {str(rows(copy)) for copy in copies if soundness.fault(copy) is None} <= {str(before), str(after)}

    again = tmp_path / "r"
    kept = shutil.ignore_patterns(*DERIVED)
    shutil.copytree(folder / "data", again / "data", ignore=kept)
    shutil.rmtree(again / "data/audits")
    shutil.copytree(reported / "audits", again / "data/audits")
    shutil.copy(dumps[0], again / "data/akasa.db")
    done = command.report(again / "data", **fixed)
    assert done.returncode == 0, done.stderr
    assert outputs(again) == outputs(folder)


def rows(file):
    """Return the rows of each table of a file of SQLite."""
    with closing(sqlite3.connect(file)) as opened:
        tables = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(opened.execute(f"select * from {name}"), key=repr) for name in sorted(tables)}
