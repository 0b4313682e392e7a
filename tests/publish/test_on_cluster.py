"""Many rows go into the warehouse by workers of a cluster as they go there from here, whoever dies."""

import hashlib
import shutil
import stat
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from lib import clusters
from lib.ports import free_port
from lib.stores import customer, in_database, in_warehouse, ledger_row, order, tables

from akasa.ingest import ahead, generate, staging
from akasa.publish import on_cluster, on_worker, road, versions, warehouse_files, warehouse_merge
from akasa.run import passing, way_out
from akasa.stores import warehouse
from akasa.workspace import rows, storage
from akasa.workspace.cluster import ClusterUnavailable
from akasa.workspace.settings import ROOT

OF_NONE = "tcp://of-no-cluster:1"
FIRST = [
    order(f"O-{n:03d}", f"90000000{n % 50:02d}", f"2025-{9 + n % 3:02d}-{1 + n % 28:02d} 10:00:00", n)
    for n in range(100)
]
CUSTOMERS = [customer(f"C-{n:03d}", f"90000000{n:02d}", f"Region {n % 3}") for n in range(40)]
# Some move to another month, some are new, and a month is new.
NEXT = [
    order(f"O-{n:03d}", "9000000001", f"2025-{10 + n % 3:02d}-15 10:00:00", 7 * n, delivery=2)
    for n in range(80, 150)
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with clusters.cluster(tmp_path_factory.mktemp("cluster"), akasa=ROOT) as started:
        yield started


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(rows, "PART_ROWS", 23)


@pytest.fixture
def in_threads(monkeypatch):
    return clusters.in_threads(monkeypatch)


def on_cluster_of(address, cfg):
    return cfg.model_copy(update={"dask_scheduler_address": address})


def ledger(*numbers):
    found = pd.DataFrame([ledger_row(number, backfilled_at="") for number in numbers])
    return found.astype({"published_at": "str"})


def publish(cfg):
    """Fill the warehouse, then merge a day; return its files after each."""
    warehouse_merge.rebuild(cfg, tables(CUSTOMERS, FIRST), ledger(1))
    first = files_of(cfg)
    warehouse_merge.merge(cfg, tables((), NEXT), ledger(1, 2), warehouse.months(cfg))
    return first, files_of(cfg)


def files_of(cfg):
    """Return what each table's log says of a file, and its bytes' SHA-256; its name is drawn."""
    place = storage.warehouse(cfg)
    found = {}
    for name in ("customers", "orders", "order_items", "holdings"):
        actions = pa.table(warehouse.present(cfg, name).get_add_actions(flatten=True)).to_pylist()
        told = []
        for one in actions:
            path, _ = one.pop("path"), one.pop("modification_time")
            with place.file_system(name).open_input_file(path) as stream:
                content = hashlib.sha256(stream.read()).hexdigest()
            told.append((path.rpartition("/")[0], content, sorted(one.items(), key=str)))
        found[name] = sorted(told, key=str)
    return found


def assert_as_here(cfg, address):
    """Publish here, then anew by workers."""
    here, content = publish(cfg), in_warehouse(cfg)
    for name in warehouse.SCHEMAS:
        storage.warehouse(cfg).remove(name)
    assert publish(on_cluster_of(address, cfg)) == here
    assert in_warehouse(cfg) == content
    assert len(content["orders"]) == 150
    assert not list((cfg.data_dir / ".run.rows").glob("*/*")), "rows are left on the shelf"


def test_its_tasks_write_what_is_written_here(migrated, few_are_many, in_threads, monkeypatch):
    monkeypatch.setattr(warehouse_files, "ROWS_A_FILE", 8)
    monkeypatch.setattr(warehouse_files, "ROWS_A_GROUP", 4)
    assert_as_here(migrated, OF_NONE)
    # Files of 8: 40 customers and holdings; 34, 33, 33 orders and items of three months. Then the day:
    # two pieces with the small files of October and November, three files of December, and touched ones.
    assert in_threads[:4] == [5, 5 + 5 + 5, 5 + 5 + 5, 5]
    assert len(in_threads) == 6


def test_few_rows_are_written_here(migrated, in_threads):
    publish(on_cluster_of(OF_NONE, migrated))
    assert in_threads == []


def test_rows_in_parts_are_cut_into_files_wherever_a_part_ends(migrated, in_threads, monkeypatch):
    monkeypatch.setattr(warehouse_files, "ROWS_A_FILE", 8)
    whole = pa.Table.from_pylist(
        [{"order_id": f"{n:03d}", "order_month": f"2025-{1 + n % 2:02d}"} for n in range(50)],
        pa.schema({"order_id": pa.string(), "order_month": pa.string()}),
    )
    monkeypatch.setitem(warehouse.SCHEMAS, "orders", whole.schema)
    place, cfg = storage.warehouse(migrated), on_cluster_of(OF_NONE, migrated)
    parts = [whole[:1], whole[1:1], whole[1:30], whole[30:31], whole[31:]]
    found = [
        [(one.path.partition("/")[0], one.size, one.stats) for one in added]
        for added in (
            warehouse_files.filled(place, "orders", parts),
            on_cluster.filled(cfg, "orders", ["order_id"], parts),
        )
    ]
    assert found[0] == found[1]
    assert in_threads == [8]


def in_parts(cfg, name, frame):
    """Return a table's rows as those of large deliveries are: in a file, some at a time."""
    shape, room = warehouse.SCHEMAS[name], rows.Room(cfg)
    table = pa.Table.from_pandas(frame[shape.names], shape, preserve_index=False)
    with rows.writer(room.folder / "rows.arrow", shape) as writer:
        for first in range(0, len(table), 11):
            writer.write_table(table[first : first + 11])
    return rows.Rows(room.folder / "rows.arrow", len(table), partial(versions.typed, name), room)


def test_rows_that_stand_in_a_file_go_from_there_to_workers(migrated, few_are_many, in_threads):
    content = versions.with_month(tables(CUSTOMERS, FIRST))
    large = {name: in_parts(migrated, name, frame) for name, frame in content.items()}
    found = []
    for cfg in (migrated, on_cluster_of(OF_NONE, migrated)):
        warehouse_merge.rebuild(cfg, large, ledger(1))
        found.append((files_of(cfg), in_warehouse(cfg)))
    assert found[0] == found[1]
    assert in_threads == [1, 3, 3, 1]
    assert len(found[0][1]["orders"]) == 100


def test_what_travels_is_small(migrated, few_are_many, monkeypatch):
    sizes = clusters.weighed(monkeypatch)
    publish(on_cluster_of(OF_NONE, migrated))
    assert max(sizes) < 50_000


def test_what_a_worker_writes_nobody_else_may_read(migrated, few_are_many, in_threads):
    publish(on_cluster_of(OF_NONE, migrated))
    found = (migrated.warehouse / "orders").rglob("part-*.parquet")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in found}
    assert modes == {0o600}


def test_a_file_that_is_not_seen_here_is_not_committed(migrated, few_are_many, in_threads, monkeypatch):
    write = on_worker.STEPS["write"]

    def elsewhere(shelf, files, *work):
        added = write(shelf, files, *work)
        files.delete_file(added[0].path)
        return added

    monkeypatch.setitem(on_worker.STEPS, "write", elsewhere)
    said = r"does not find .*part-.*\.parquet.*let all workers share DATA_DIR.*the warehouse's customers were"
    with pytest.raises(ClusterUnavailable, match=said):
        publish(on_cluster_of(OF_NONE, migrated))
    assert not warehouse.exists(migrated, "customers")


def test_an_unreachable_scheduler_is_told_and_the_next_run_goes_on(migrated, few_are_many):
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ClusterUnavailable, match=rf"answers at {address}: .*customers were to be") as error:
        publish(on_cluster_of(address, migrated))
    assert passing.passes(error.value)
    assert len(way_out.ways("ClusterUnavailable", str(error.value))) == 1, "another engine writes nothing"
    publish(migrated)
    assert len(in_warehouse(migrated)["orders"]) == 150


@pytest.mark.long
def test_workers_write_what_is_written_here(migrated, servers, few_are_many):
    assert_as_here(migrated, servers.address)


@pytest.mark.long
@pytest.mark.parametrize("place", [1, 2, 4])
def test_a_worker_killed_in_a_task_changes_nothing(place, migrated, servers, few_are_many, tmp_path):
    """It dies before it writes a file, or when nobody knows yet of those that it has written."""
    cfg = migrated.model_copy(update={"warehouse_retention_days": 0})
    with servers.one_dies(tmp_path / "reached", place):
        assert_as_here(cfg, servers.address)
    for name in ("customers", "orders"):
        there = {str(one) for one in (cfg.warehouse / name).rglob("part-*.parquet")}
        assert there == set(warehouse.files(name, cfg)), "what the dead one wrote is left"


@pytest.mark.long
def test_what_workers_read_judge_and_write_is_what_is_published_here(
    workspace, servers, few_are_many, tmp_path, monkeypatch
):
    """A delivery goes the whole road, and a day that corrects some of it; a worker dies on the way."""
    monkeypatch.setattr(ahead, "LARGE_BYTES", 10_000)
    monkeypatch.setattr(rows, "PART_ROWS", 200)
    here = gone_the_road(workspace, tmp_path / "here")
    with servers.one_dies(tmp_path / "reached", 30):
        there = gone_the_road(on_cluster_of(servers.address, workspace), tmp_path / "there")
    assert there == here
    _, content, _, rejected = here
    assert min(map(len, content.values())) > 250
    assert len(rejected) == 4


def gone_the_road(cfg, place):
    """Publish in a place of its own; return what stands, where, and what was rejected."""
    cfg = cfg.model_copy(update={"data_dir": place, "output_dir": place / "outputs"})
    generate.generate(place, orders=600, customers=300, seed=1, dirty=0.05)
    road.publish(staged(cfg))
    generate.generate(place / "day", orders=300, customers=250, seed=2, dirty=0.05)
    (place / "incoming").mkdir()
    (place / "day" / "customers.csv").rename(place / "incoming" / "customers_2025-11-11.csv")
    (place / "day" / "orders.xml").rename(place / "incoming" / "orders_2025-11-11.xml")
    road.publish(staged(cfg))
    return in_database(cfg), in_warehouse(cfg), files_of(cfg), rejects(cfg)


def staged(cfg):
    staging.stage_all(cfg)
    return cfg


def rejects(cfg):
    return {file.name: file.read_bytes() for file in cfg.quarantine.glob("*.csv*")}


@pytest.mark.long
def test_in_a_bucket_workers_need_no_disk_of_ours(on_moto, moto, servers, few_are_many):
    cfg = on_moto()
    assert_as_here(cfg, servers.address)
    left = [key for key in moto.objects(cfg.s3_bucket) if "publishing/" in key and not key.endswith("/")]
    assert left == []


@pytest.mark.long
def test_a_worker_that_would_write_otherwise_says_so(migrated, few_are_many, tmp_path):
    shutil.copytree(ROOT / "akasa", tmp_path / "code" / "akasa", symlinks=True)
    other = tmp_path / "code" / "akasa" / "publish" / Path(warehouse_files.__file__).name
    other.write_text(other.read_text("utf-8") + "# other\n", "utf-8")
    with (
        clusters.cluster(tmp_path, workers=1, akasa=tmp_path / "code") as servers,
        pytest.raises(ClusterUnavailable, match=r"has akasa's code of SHA-256 \w+ and not"),
    ):
        publish(on_cluster_of(servers.address, migrated))
