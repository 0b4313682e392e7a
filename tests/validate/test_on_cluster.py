"""A large delivery is judged on a cluster as it is here: to the byte, whoever dies; faults are told."""

import shutil
from datetime import timedelta
from random import Random

import pytest
from lib import clusters, dirty
from lib.judging import judged, stage
from lib.ports import free_port

from akasa.run import passing, way_out
from akasa.validate import judging, profiles, rules
from akasa.workspace import cluster, rows, shelves
from akasa.workspace.cluster import ClusterUnavailable
from akasa.workspace.settings import ROOT

PARTS = 6
KINDS = ("customers", "orders")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with clusters.cluster(tmp_path_factory.mktemp("cluster"), akasa=ROOT) as started:
        yield started


@pytest.fixture
def in_threads(monkeypatch):
    return clusters.in_threads(monkeypatch)


def delivered(cfg, kind):
    """Return a delivery, and how many lines a part is to have."""
    found = getattr(dirty, kind)(Random(7))
    return stage(cfg, kind, found), len(found) // PARTS


def on_cluster_of(address, cfg):
    return cfg.model_copy(update={"dask_scheduler_address": address})


def assert_as_here(cfg, address, kind, monkeypatch):
    delivery, lines = delivered(cfg, kind)
    whole, files = judged(cfg, delivery, lines, monkeypatch)
    profiles.forget(cfg, kind, delivery.sha256)
    found, same = judged(on_cluster_of(address, cfg), delivery, lines, monkeypatch)
    assert same == files
    assert found.told() == whole.told()
    assert found.records.warnings == whole.records.warnings
    kept = {one.name for one in found.records.folder.iterdir()}
    assert kept == {one.name for one in whole.records.folder.iterdir()}, "files of the work are left"


@pytest.mark.parametrize("kind", KINDS)
def test_its_tasks_do_what_is_done_here(kind, workspace, in_threads, monkeypatch):
    assert_as_here(workspace, "tcp://of-no-cluster:1", kind, monkeypatch)


def test_what_travels_is_small(workspace, monkeypatch):
    delivery, lines = delivered(workspace, "orders")
    monkeypatch.setattr(rows, "PART_ROWS", lines)
    sizes = clusters.weighed(monkeypatch)
    judging.judge_one(on_cluster_of("tcp://of-no-cluster:1", workspace), delivery)
    assert max(sizes) < 50_000


def test_an_unreachable_scheduler_is_told_as_by_the_kpis(workspace, monkeypatch):
    address = f"tcp://127.0.0.1:{free_port()}"
    delivery, lines = delivered(workspace, "orders")
    monkeypatch.setattr(rows, "PART_ROWS", lines)
    said = rf"answers at {address}: .* DASK_SCHEDULER_ADDRESS, or unset it .* \(orders\.file was to be judged"
    with pytest.raises(ClusterUnavailable, match=said) as error:
        judging.judge_one(on_cluster_of(address, workspace), delivery)
    assert passing.passes(error.value)
    assert len(way_out.ways("ClusterUnavailable", str(error.value))) == 1, "another engine judges nothing"


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_workers_judge_as_it_is_done_here(kind, workspace, servers, monkeypatch):
    assert_as_here(workspace, servers.address, kind, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "file"), [("orders", 2), ("orders", 5), ("customers", 8)])
def test_a_worker_killed_in_a_task_changes_nothing(kind, file, workspace, servers, tmp_path, monkeypatch):
    """It dies before it renames one of the files that it writes: of a piece, of what it judged, of claims."""
    with servers.one_dies(tmp_path / "reached", file):
        assert_as_here(workspace, servers.address, kind, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_bucket_workers_need_no_disk_of_ours(kind, on_moto, moto, servers, monkeypatch):
    cfg = on_moto()
    ours, others = "warehouse/_akasa.json", "warehouse/judging/another-run/piece-1.arrow"
    for key in (ours, others):
        moto.client().put_object(Bucket=cfg.s3_bucket, Key=key)

    def there():  # Arrow marks a folder by an object without a byte
        return [key for key in moto.objects(cfg.s3_bucket) if not key.endswith("/")]

    assert_as_here(cfg, servers.address, kind, monkeypatch)
    assert there() == [ours, others]
    monkeypatch.setattr(shelves, "ABANDONED_AFTER", timedelta(seconds=-1))
    assert_as_here(cfg, servers.address, kind, monkeypatch)
    assert there() == [ours]


@pytest.mark.long
def test_a_worker_that_would_judge_otherwise_says_so(workspace, tmp_path, monkeypatch):
    delivery, lines = delivered(workspace, "orders")
    monkeypatch.setattr(rows, "PART_ROWS", lines)
    shutil.copytree(ROOT / "akasa", tmp_path / "code" / "akasa", symlinks=True)
    other = tmp_path / "code" / "akasa" / "validate" / "rules.py"
    other.write_text(other.read_text("utf-8").replace("\nRULES_VERSION = ", "\nRULES_VERSION = 9"), "utf-8")
    for code, said in (
        (tmp_path / "code", rf"has rules 9{rules.RULES_VERSION} and not"),
        (None, "has no akasa"),
    ):
        with (
            clusters.cluster(tmp_path, workers=1, akasa=code) as servers,
            pytest.raises(
                ClusterUnavailable, match=rf"worker of {servers.address} .* {said}.*: install there"
            ),
        ):
            judging.judge_one(on_cluster_of(servers.address, workspace), delivery)


def test_a_worker_that_does_not_see_our_disk_says_so(workspace, monkeypatch):
    delivery, lines = delivered(workspace, "orders")
    monkeypatch.setattr(rows, "PART_ROWS", lines)

    def elsewhere(*_):
        raise FileNotFoundError(2, "No such file or directory", "/data/staging/orders.parquet")

    monkeypatch.setattr(cluster, "compute", elsewhere)
    said = r"does not find .*/data/staging/orders\.parquet.*: let all workers share DATA_DIR"
    with pytest.raises(ClusterUnavailable, match=said):
        judging.judge_one(on_cluster_of("tcp://of-no-cluster:1", workspace), delivery)
