"""A file of SQLite with pages of two moments is told; a whole one, wherever it comes from, is used."""

import itertools
import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from lib import drops

from akasa.run import samples
from akasa.stores import lock, migrate, soundness
from akasa.stores.soundness import TornDatabase
from akasa.workspace.settings import ROOT, Settings

PAGE = 4096


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    """Give SQLite's file before and after a publish, as lists of pages, of which there are as many."""
    folder = tmp_path_factory.mktemp("moments")
    settings = Settings(data_dir=folder / "data", output_dir=folder / "outputs")
    settings.incoming.mkdir(parents=True)
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, settings.data_dir)
    drops.run(settings)
    before = pages(settings.sqlite)
    shutil.copytree(ROOT / "tests/data/incoming", settings.incoming, dirs_exist_ok=True)
    drops.run(settings)
    after = pages(settings.sqlite)
    assert len(before) == len(after)
    return before, after


def pages(file):
    content = file.read_bytes()
    return [content[at : at + PAGE] for at in range(0, len(content), PAGE)]


def rows(file):
    with closing(sqlite3.connect(file)) as opened:
        tables = opened.execute("select name from sqlite_master where type = 'table'").fetchall()
        return {name: sorted(opened.execute(f"select * from {name}"), key=repr) for (name,) in tables}


def copied(settings, parts):
    """Put pages in place of the file, as a copy has them; return its rows, or what is wrong with it."""
    settings.sqlite.write_bytes(b"".join(parts))
    try:
        soundness.require_whole(settings)
    except TornDatabase as error:
        return str(error)
    return rows(settings.sqlite)


def trees(file):
    """Return table → the pages of its rows and indexes, each of which fits into one here."""
    with closing(sqlite3.connect(file)) as opened:
        found = opened.execute("select tbl_name, rootpage from sqlite_master where rootpage > 0").fetchall()
    return {table: {page - 1 for name, page in found if name == table} for table, _ in found}


def test_a_copy_with_pages_of_two_moments_is_used_only_where_it_is_one_of_them(workspace, moments):
    before, after = moments
    whole = [copied(workspace, one) for one in moments]
    assert all(isinstance(one, dict) for one in whole)
    chance = random.Random(1)
    cuts = [(one[:at] + other[at:]) for at in range(len(before)) for one, other in (moments, moments[::-1])]
    mixed = [[chance.choice(pair) for pair in zip(before, after, strict=True)] for _ in range(50)]
    found = [copied(workspace, parts) for parts in [*cuts, *mixed]]
    torn = [one for one in found if isinstance(one, str)]
    assert len(torn) > 50
    assert all("copied while a run wrote to it" in one for one in torn)
    assert [one for one in found if isinstance(one, dict) and one not in whole] == []


def test_tables_of_two_moments_are_told_though_each_is_whole(workspace, moments):
    """Of all ways to have some of the tables as they were before, only two are used: none, and all."""
    before, after = moments
    whole = [copied(workspace, one) for one in moments]
    by_table = trees(workspace.sqlite)
    tables = sorted(by_table.keys() - {"alembic_version"})
    used = 0
    for old in itertools.product([False, True], repeat=len(tables)):
        taken = set().union(*(by_table[name] for name, is_old in zip(tables, old, strict=True) if is_old))
        found = copied(workspace, [(before if at in taken else after)[at] for at in range(len(after))])
        if isinstance(found, dict):
            assert found in whole
            used += 1
    assert used == 2


def test_a_file_that_is_none_of_sqlite_is_told(workspace, moments):
    assert "not a database" in copied(workspace, [b"torn" * 1024, *moments[1][1:]])


def test_a_run_refuses_a_torn_copy_and_looks_once_at_a_whole_one(workspace, moments, monkeypatch):
    before, after = moments
    copied(workspace, after[:9] + before[9:])
    with pytest.raises(TornDatabase), lock.run(workspace):
        pass
    copied(workspace, after)
    with lock.run(workspace):
        pass
    monkeypatch.setattr(soundness, "fault", None)  # which nobody asks now
    with lock.run(workspace):
        pass


def test_a_database_of_an_earlier_version_is_whole(workspace):
    migrate.upgrade(workspace, "0002")
    soundness.require_whole(workspace)
