"""The warehouse is level with the database after every publish, whatever has happened to it since."""

import shutil
from itertools import product

import pytest
from deltalake import DeltaTable, TableFeatures
from lib.ports import free_port
from lib.stores import customer, fill, in_database, in_warehouse, ledger_row, order, tables
from pyarrow.fs import SubTreeFileSystem

from akasa.publish import level, road, warehouse_merge
from akasa.stores import migrate, warehouse
from akasa.workspace import storage

pytestmark = pytest.mark.usefixtures("migrated")
TABLES = ["customers", "orders", "order_items", "deliveries"]


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def last_of_log(table):
    """Return the last entry of a table's log, which has no checkpoint any more that says the same."""
    log = table / "_delta_log"
    (log / "_last_checkpoint").unlink()
    max(log.glob("*.checkpoint.parquet")).unlink()
    return max(log.glob("*.json"))


def a_file(table):
    return next(file for file in sorted(table.rglob("*.parquet")) if file.name in _live(table))


def _live(table):
    return {uri.rpartition("/")[2] for uri in DeltaTable(str(table)).file_uris()}


def put_back(table):
    shutil.rmtree(table)
    shutil.copytree(table.with_name(f"{table.name} before"), table)


def has_feature(table, feature):
    DeltaTable(str(table)).alter.add_feature(feature, allow_protocol_versions_increase=True)


DAMAGE = {
    "an old copy put back": put_back,
    "the last entry of the log lost": lambda table: last_of_log(table).unlink(),
    "the same, but for its checkpoint": lambda table: max((table / "_delta_log").glob("*.json")).unlink(),
    "the log cut off": lambda table: cut(last_of_log(table)),
    "the checkpoint cut off": lambda table: cut(max((table / "_delta_log").glob("*.checkpoint.parquet"))),
    "the last entry of the log emptied": lambda table: last_of_log(table).write_bytes(b""),
    "a Parquet file lost": lambda table: a_file(table).unlink(),
    "a Parquet file cut off": lambda table: cut(a_file(table)),
    "another writer's commit": lambda table: DeltaTable(str(table)).delete(),
    "a table removed": shutil.rmtree,
    "another writer's deletion vectors": lambda table: has_feature(table, TableFeatures.DeletionVectors),
    "another writer's column mapping": lambda table: has_feature(table, TableFeatures.ColumnMapping),
}


# Where nothing tells what was left, the warehouse is made for the first time.
FORGOTTEN = [("another writer's commit", "deliveries"), ("a table removed", "deliveries")]


@pytest.fixture
def filled(prepared):
    """A workspace with two deliveries, and of each table a copy from when there was one."""
    return prepared("filled", two_deliveries)


def two_deliveries(workspace):
    migrate.upgrade(workspace)
    fill(workspace, tables([customer("C-1")], [order("O-1", paise=100)]), ledger_row(1))
    for name in TABLES:
        shutil.copytree(workspace.warehouse / name, workspace.data_dir / "kept" / name)
    fill(
        workspace,
        tables([customer("C-1", region="East", delivery=2)], [order("O-1", paise=200, delivery=2)]),
        ledger_row(2),
    )
    for name in TABLES:
        shutil.move(workspace.data_dir / "kept" / name, workspace.warehouse / f"{name} before")


def is_level(settings):
    expected = in_database(settings)
    held = warehouse.deliveries(settings)["delivery_id"].tolist()
    return held == [1, 2] and in_warehouse(settings) == {n: expected[n] for n in TABLES[:3]}


# Each damage to half of the tables, and each table in half of the ways; to all of them in the long proof.
TOLD = [pair for pair in product(DAMAGE, TABLES) if pair not in FORGOTTEN]
USUAL = [pair for number, table in enumerate(TABLES) for pair in product([*DAMAGE][number % 2 :: 2], [table])]


@pytest.mark.parametrize(
    ("damage", "table"),
    [pytest.param(*pair, marks=() if pair in USUAL else pytest.mark.long) for pair in TOLD],
)
def test_a_damaged_warehouse_is_made_anew_from_the_database_and_says_so(filled, capsys, damage, table):
    DAMAGE[damage](filled.warehouse / table)
    level.level_warehouse(filled)
    assert is_level(filled)
    said = capsys.readouterr().err
    assert said.startswith("warning: the warehouse is made anew from the database: it ")
    assert str(filled.data_dir) not in said
    level.level_warehouse(filled)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("damage", "table"), FORGOTTEN)
def test_a_warehouse_that_forgot_what_was_left_is_made_as_for_the_first_time(filled, damage, table):
    DAMAGE[damage](filled.warehouse / table)
    level.level_warehouse(filled)
    assert is_level(filled)


@pytest.mark.slow
def test_all_that_was_published_can_be_audited_though_the_warehouse_is_damaged(filled):
    DAMAGE["a Parquet file lost"](filled.warehouse / "orders")
    assert road.audit(filled, tables(), audit_all=True)["success"].all()


def test_a_sound_warehouse_stays_as_it_is_without_a_word(filled, capsys):
    before = {name: DeltaTable(str(filled.warehouse / name)).version() for name in TABLES}
    level.level_warehouse(filled)
    assert {name: DeltaTable(str(filled.warehouse / name)).version() for name in TABLES} == before
    assert capsys.readouterr().err == ""


def test_what_was_left_is_named_beside_what_is_there(filled, capsys):
    put_back(filled.warehouse / "orders")
    level.level_warehouse(filled)
    said = capsys.readouterr().err
    left, has = said.partition(", and has ")[::2]
    assert "orders 2 with 1 rows" in left
    assert "orders 1 with 1 rows" in has


@pytest.mark.parametrize("table", TABLES[1:])
def test_a_publish_cut_short_is_done_again(workspace, capsys, monkeypatch, table):
    fill(workspace, tables([customer("C-1")], [order("O-1")]), ledger_row(1))
    with monkeypatch.context() as during:
        during.setattr(warehouse_merge, "reached", _stop_at(table))
        with pytest.raises(KeyboardInterrupt):
            fill(
                workspace,
                tables([customer("C-2", "9000000002", delivery=2)], [order("O-2", delivery=2)]),
                ledger_row(2),
            )
    level.level_warehouse(workspace)
    assert is_level(workspace)
    assert "it was left with" in capsys.readouterr().err


def _stop_at(table):
    def stopped(place):
        if place == f"before the Delta commit of {table}":
            raise KeyboardInterrupt

    return stopped


def lost(key, content):
    return None


def halved(key, content):
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("which", "damage"),
    [
        ("warehouse/orders/order_month", halved),
        pytest.param("warehouse/orders/order_month", lost, marks=pytest.mark.long),
        pytest.param(f"warehouse/customers/_delta_log/{1:020d}.json", lost, marks=pytest.mark.long),
        pytest.param("warehouse/order_items/_delta_log/", halved, marks=pytest.mark.long),
    ],
)
def test_a_warehouse_in_a_bucket_that_was_damaged_is_made_anew(on_moto, moto, capsys, which, damage):
    cfg = on_moto()
    migrate.upgrade(cfg)
    fill(cfg, tables([customer("C-1")], [order("O-1")]), ledger_row(1))
    before = in_warehouse(cfg)
    for key, content in moto.objects(cfg.s3_bucket, which).items():
        left = damage(key, content)
        moto.client().delete_object(Bucket=cfg.s3_bucket, Key=key)
        if left is not None:
            moto.client().put_object(Bucket=cfg.s3_bucket, Key=key, Body=left)
    level.level_warehouse(cfg)
    assert in_warehouse(cfg) == before
    assert (
        "warning: the warehouse is made anew from the database: it could not be read ("
        in capsys.readouterr().err
    )
    level.level_warehouse(cfg)
    assert capsys.readouterr().err == ""


def test_a_warehouse_is_not_removed_because_its_bucket_is_away(on_moto, moto, monkeypatch):
    """The server answers when the tables are opened, and no longer when their rows are counted."""
    cfg = on_moto()
    migrate.upgrade(cfg)
    fill(cfg, tables([customer("C-1")], [order("O-1")]), ledger_row(1))
    before, file_system = moto.objects(cfg.s3_bucket), storage.Bucket.file_system

    def away(place, table):
        there = storage.s3({**place.options, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})
        return SubTreeFileSystem(f"{place.name}/{place.prefix}{table}", there)

    monkeypatch.setattr(storage.Bucket, "file_system", away)
    with pytest.raises(storage.StorageUnavailable, match="nothing answers there"):
        level.level_warehouse(cfg)
    monkeypatch.setattr(storage.Bucket, "file_system", file_system)
    assert moto.objects(cfg.s3_bucket) == before
