"""Kill a run at the writes of a publish, run again, and find what an unbroken run would have left."""

import os
import re
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from lib import crashing
from lib.stores import in_database, in_warehouse

from akasa.run import samples
from akasa.stores import database
from akasa.workspace import failpoints
from akasa.workspace.settings import ROOT, Settings

pytestmark = pytest.mark.slow

ROOMY = 65_536  # kibibytes
_STATEMENT = "insert|select|delete|update|create|drop|load|show"
OF_DATABASE = re.compile(rf"\d+ (before ({_STATEMENT})|(before|after) the (commit|migration))\b")
KILL_EVERY = int(os.environ.get("KILL_EVERY", "15"))  # of the long proof; KILL_EVERY=1 takes half an hour


def every_nth(n):
    """Kill at every nth write only, and at many more in the long proof."""
    return pytest.mark.parametrize("nth", [pytest.param(KILL_EVERY, marks=pytest.mark.long, id="long"), n])


ROADS = {
    "first publish": "publish",
    "a day onto it": "publish",
    "backfill": "backfill",
    "backfill of all": "backfill all",
    "old bytes again": "publish",
    "withdrawal": "withdraw",
}


@pytest.fixture(scope="module")
def runs():
    started = crashing.Runs()
    yield started
    started.close()


LONG = {"backfill of all"}  # the usual run has that of a range


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in ROADS],
)
def before(request, runs, tmp_path_factory):
    """A workspace just before the run that is to be killed, and the road of that run.

    Nothing is published; or the base deliveries are; or all are, and a rule has changed, old bytes come
    again, or a day is taken back.
    """
    folder = tmp_path_factory.mktemp("before")
    (folder / "data/incoming").mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, folder / "data")
    if request.param != "first publish":
        assert runs.run(environment(folder)) == 0
    if not request.param.startswith("backfill"):
        shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming", dirs_exist_ok=True)
    if request.param in ("old bytes again", "withdrawal"):
        assert runs.run(environment(folder)) == 0
    if request.param == "old bytes again":
        shutil.copy(folder / "data/orders.xml", folder / "data/incoming/orders_2025-11-14.xml")
    return Before(folder, ROADS[request.param])


@pytest.fixture
def small_disk(tmp_path):
    """A filesystem in memory, whose size can be set."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        message = f"a small disk can only be mounted by root: {mounted.stderr.strip()}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    yield SmallDisk(folder)
    subprocess.run(["umount", folder], check=True)


class SmallDisk(NamedTuple):
    folder: Path

    def resize(self, kibibytes):
        subprocess.run(["mount", "-o", f"remount,size={kibibytes}k", self.folder], check=True)


class Before(NamedTuple):
    folder: Path
    road: str


def environment(folder, road="publish", **changes):
    ours = {"DATA_DIR": str(folder / "data"), "OUTPUT_DIR": str(folder / "outputs"), "ROAD": road}
    return {"AKASA_ENV_FILE": os.devnull, failpoints.VARIABLE: "", **ours, **changes}


def digest(folder, **where):
    """Return all that was published: tables, warehouse, and the bytes of outputs and rejects.

    But those of Data Docs, whose pages carry times.
    """
    settings = Settings(data_dir=folder / "data", output_dir=folder / "outputs", **where)
    files = [p for top in ("outputs", "data/rejects") for p in (folder / top).rglob("*") if p.is_file()]
    return {
        "database": in_database(settings),
        "rules": database.ledger(settings)["rules_version"].tolist(),
        "warehouse": in_warehouse(settings),
        "files": {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in files
            if "data_docs" not in path.parts
        },
    }


def log_of(folder, number):
    return {failpoints.VARIABLE: f"{folder / 'places'}:{number}"}


@every_nth(29)
def test_killed_at_any_write_the_next_run_completes(runs, before, tmp_path, nth):
    unbroken = tmp_path / "unbroken"
    shutil.copytree(before.folder, unbroken)
    assert runs.run(environment(unbroken, before.road, **log_of(tmp_path, 0), **crashing.WHOLE_AUDIT)) == 0
    expected = digest(unbroken)
    places = (tmp_path / "places").read_text("utf-8").splitlines()
    assert len(places) > 20

    def killed_and_run_again(number):
        folder = tmp_path / str(number)
        shutil.copytree(before.folder, folder)
        killed = runs.run(environment(folder, before.road, **log_of(folder, number)))
        again = runs.run(environment(folder, before.road))
        found = digest(folder)
        shutil.rmtree(folder)
        return killed, again, found == expected

    numbers = range(1, len(places) + 1, nth)
    outcomes = dict(zip(places[::nth], map(killed_and_run_again, numbers), strict=True))
    assert {place: o for place, o in outcomes.items() if o != (-signal.SIGKILL, 0, True)} == {}
    print(f"0 divergences over {len(outcomes)} of {len(places)} failpoints")


@every_nth(13)
def test_killed_on_mariadb_the_next_run_completes(runs, before, tmp_path, mariadb_server, nth):
    numbers, base, name = count(), tmp_path / "base", f"crash_{before.folder.name}_{nth}"
    shutil.copytree(before.folder, base)
    published = mariadb_server.create(name)
    if before.road != "publish":
        assert runs.run(environment(base, **published)) == 0

    def started(folder):
        shutil.copytree(base, folder)
        return {**mariadb_server.copy(name, f"{name}_{next(numbers)}"), "DB_LOCAL_INFILE": "1"}

    def found(folder, where):
        return digest(folder, **{name.lower(): value for name, value in where.items()})

    where = started(tmp_path / "unbroken")
    assert runs.run(environment(tmp_path / "unbroken", before.road, **where, **log_of(tmp_path, 0))) == 0
    expected = found(tmp_path / "unbroken", where)
    places = (tmp_path / "places").read_text("utf-8").splitlines()
    # What is written beside the database is the same with every database.
    of_database = [number for number, place in enumerate(places, 1) if OF_DATABASE.match(place)]
    assert len(of_database) > 20
    for number in of_database[::nth]:
        folder = tmp_path / str(number)
        where = started(folder)
        assert (
            runs.run(environment(folder, before.road, **where, **log_of(folder, number))) == -signal.SIGKILL
        )
        assert runs.run(environment(folder, before.road, **where)) == 0, places[number - 1]
        assert found(folder, where) == expected, places[number - 1]
        shutil.rmtree(folder)


def quadrupled(n):
    """Return so many kibibytes of room for the nth run on a full disk."""
    return 4 << 2 * n


def in_small_steps(n):
    """Return kibibytes as `quadrupled` does, of many more sizes."""
    return 8 * (1 + n) ** 2


@pytest.mark.parametrize("room", [quadrupled, pytest.param(in_small_steps, marks=pytest.mark.long)])
def test_a_full_disk_stops_the_run_and_the_next_one_completes(runs, before, tmp_path, small_disk, room):
    unbroken = tmp_path / "unbroken"
    shutil.copytree(before.folder, unbroken)
    assert runs.run(environment(unbroken, before.road)) == 0
    expected = digest(unbroken)
    statuses = []
    while 0 not in statuses:
        folder = small_disk.folder / str(len(statuses))
        shutil.copytree(before.folder, folder)
        used = shutil.disk_usage(small_disk.folder).used // 1024
        small_disk.resize(used + room(len(statuses)))
        statuses.append(runs.run(environment(folder, before.road)))
        small_disk.resize(ROOMY)
        assert runs.run(environment(folder, before.road)) == 0, statuses
        assert digest(folder) == expected, statuses
        shutil.rmtree(folder)
    assert statuses.count(1) >= 2
    print(f"0 divergences over {len(statuses)} sizes of the disk")


def test_four_runs_at_once_leave_what_one_leaves(runs, before, tmp_path):
    one, four = tmp_path / "one", tmp_path / "four"
    for folder in (one, four):
        shutil.copytree(before.folder, folder)
    assert runs.run(environment(one, before.road)) == 0
    assert runs.at_once([environment(four, before.road, LOCK_TIMEOUT="120")] * 4) == [0] * 4
    assert digest(four) == digest(one)


def test_four_workspaces_on_one_database_take_turns(runs, before, tmp_path, mariadb_server):
    where = {**mariadb_server.create(f"four_{before.folder.name}"), "LOCK_TIMEOUT": "120"}
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        shutil.copytree(before.folder, folder)
    if before.road != "publish":
        assert runs.run(environment(folders[0], **where)) == 0
    statuses = runs.at_once([environment(folder, before.road, **where) for folder in folders])
    # How the days that stay were judged is kept only where they were published last.
    assert sorted(statuses) == ([0, 1, 1, 1] if before.road == "backfill" else [0] * 4)
    done = [folder for folder, status in zip(folders, statuses, strict=True) if status == 0]
    names = {name.lower(): value for name, value in where.items()}
    for folder in done:
        found = digest(folder, **names)
        assert found["warehouse"] == {name: found["database"][name] for name in found["warehouse"]}
