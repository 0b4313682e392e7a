"""Kill a run at every write of a publish, run again, and find what an unbroken run would have left."""

import os
import shutil
import signal
from itertools import count

import crashing
import pytest
from stores import in_database, in_warehouse

from akasa import failpoints, samples
from akasa.settings import ROOT, Settings

SIDE_BY_SIDE = 2
EVERY_NTH_ON_MARIADB = 6


@pytest.fixture(scope="module")
def runs():
    started = crashing.Pool(SIDE_BY_SIDE)
    yield started
    started.close()


@pytest.fixture(scope="module", params=["first publish", "a day onto it"])
def before(request, runs, tmp_path_factory):
    """A workspace just before the publish that is to be killed: nothing published, or the base published."""
    folder = tmp_path_factory.mktemp("before")
    (folder / "data/incoming").mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, folder / "data")
    if request.param == "a day onto it":
        assert runs.run(environment(folder)) == 0
    shutil.copytree(ROOT / "tests/data/incoming", folder / "data/incoming", dirs_exist_ok=True)
    return folder


def environment(folder, **changes):
    ours = {"DATA_DIR": str(folder / "data"), "OUTPUT_DIR": str(folder / "outputs")}
    return {"AKASA_ENV_FILE": os.devnull, failpoints.VARIABLE: "", **ours, **changes}


def digest(folder, **database):
    """Return all that was published: tables, warehouse, and the bytes of outputs and rejects."""
    settings = Settings(data_dir=folder / "data", output_dir=folder / "outputs", **database)
    files = [p for top in ("outputs", "data/rejects") for p in (folder / top).rglob("*") if p.is_file()]
    return {
        "database": in_database(settings),
        "warehouse": in_warehouse(settings),
        "files": {path.relative_to(folder).as_posix(): path.read_bytes() for path in files},
    }


def log_of(folder, number):
    return {failpoints.VARIABLE: f"{folder / 'places'}:{number}"}


def test_killed_at_any_write_the_next_run_completes(runs, before, tmp_path):
    unbroken = tmp_path / "unbroken"
    shutil.copytree(before, unbroken)
    assert runs.run(environment(unbroken, **log_of(tmp_path, 0))) == 0
    expected = digest(unbroken)
    places = (tmp_path / "places").read_text("utf-8").splitlines()
    assert len(places) > 50

    def killed_and_run_again(number):
        folder = tmp_path / str(number)
        shutil.copytree(before, folder)
        killed = runs.run(environment(folder, **log_of(folder, number)))
        again = runs.run(environment(folder))
        found = digest(folder)
        shutil.rmtree(folder)
        return killed, again, found == expected

    outcomes = dict(zip(places, runs.map(killed_and_run_again, range(1, len(places) + 1)), strict=True))
    assert {place: o for place, o in outcomes.items() if o != (-signal.SIGKILL, 0, True)} == {}
    print(f"0 divergences over {len(places)} failpoints")


def test_killed_on_mariadb_the_next_run_completes(runs, before, tmp_path, mariadb_server):
    numbers = count()

    def started(folder):
        shutil.copytree(before, folder)
        name = f"crash_{before.name}_{next(numbers)}"
        return {**mariadb_server.create(name), "DB_LOCAL_INFILE": "1"}

    def found(folder, where):
        return digest(folder, **{name.lower(): value for name, value in where.items()})

    where = started(tmp_path / "unbroken")
    assert runs.run(environment(tmp_path / "unbroken", **where, **log_of(tmp_path, 0))) == 0
    expected = found(tmp_path / "unbroken", where)
    places = (tmp_path / "places").read_text("utf-8").splitlines()
    for number in range(1, len(places) + 1, EVERY_NTH_ON_MARIADB):
        folder = tmp_path / str(number)
        where = started(folder)
        assert runs.run(environment(folder, **where, **log_of(folder, number))) == -signal.SIGKILL
        assert runs.run(environment(folder, **where)) == 0, places[number - 1]
        assert found(folder, where) == expected, places[number - 1]
        shutil.rmtree(folder)
