"""Large deliveries are read on a cluster as they are here: to the byte, whoever dies; faults are told."""

import shutil
import stat
from pathlib import Path

import pytest
from lib import clusters, corpus
from lib.drops import customers, orders
from lib.ports import free_port

from akasa.ingest import ahead, deliveries, on_worker, readers, staging
from akasa.run import passing, way_out
from akasa.workspace import cluster, events
from akasa.workspace.cluster import ClusterUnavailable
from akasa.workspace.settings import ROOT
from akasa.workspace.shelves import Shelf

OF_NONE = "tcp://of-no-cluster:1"
ORDERS = orders(*((f"O{n}", "9876543210", "2025-10-12 10:00", "S1", 1, "5.00") for n in range(2_000)))
CUSTOMERS = customers(*((f"C{n}", f"9{n:09}", "North") for n in range(2_000)))
BROKEN = ORDERS.replace(b"</orders>", b"</order>")
LYING = {
    "c_2025-10-12.csv": CUSTOMERS,
    "d_2025-10-13.csv": CUSTOMERS + b'1,"x,9,N\n',
    "o_2025-10-12.XML": ORDERS,
    "p_2025-10-13.xml": ORDERS.replace(b"9876543210", b"9876543211"),
    "q_2025-10-14.csv": b"\x1f\x8b" + ORDERS,
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with clusters.cluster(tmp_path_factory.mktemp("cluster"), akasa=ROOT) as started:
        yield started


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch):
    monkeypatch.setattr(ahead, "LARGE_BYTES", -1)


@pytest.fixture
def in_threads(monkeypatch):
    return clusters.in_threads(monkeypatch)


def lay(cfg, contents=LYING):
    for name, content in contents.items():
        (cfg.incoming / name).write_bytes(content)


def on_cluster_of(address, cfg):
    return cfg.model_copy(update={"dask_scheduler_address": address})


def kept(cfg):
    """Return all that was staged, and let it go: file → bytes."""
    found = {file.name: file.read_bytes() for file in cfg.staging.iterdir() if file.is_file()}
    shutil.rmtree(cfg.staging)
    return found


def assert_as_here(cfg, address):
    here = staging.stage_all(cfg)
    files = kept(cfg)
    assert staging.stage_all(on_cluster_of(address, cfg)) == here
    assert kept(cfg) == files
    return here


def test_what_is_good_and_what_is_refused_is_as_it_is_here(workspace, in_threads):
    lay(workspace)
    here = assert_as_here(workspace, OF_NONE)
    assert (len(here.staged), len(here.refused), in_threads) == (3, 2, [5])


@pytest.mark.slow
@pytest.mark.parametrize("nth", [pytest.param(1, marks=pytest.mark.long), 4])
def test_every_file_of_the_corpus_is_staged_or_refused_as_it_is_here(workspace, in_threads, nth):
    """In `make test`, every fourth one."""
    files = list(corpus.FILES.items())[::nth]
    made = [(name.partition(":")[0][-3:], make()) for name, (make, _) in files]
    lay(workspace, {f"{place}.{kind}": content for place, (kind, content) in enumerate(made)})
    here = assert_as_here(workspace, OF_NONE)
    assert min(len(here.staged), len(here.refused)) >= 30 // nth
    assert in_threads == [len({(kind, content) for kind, content in made})]


def test_what_happens_is_told_as_of_what_is_read_here(workspace, in_threads, monkeypatch):
    lay(workspace)
    told, said = [], []
    monkeypatch.setattr(events, "tell", lambda event, *_, **fields: told.append((event, fields)))
    runs = []
    for cfg in (workspace, on_cluster_of(OF_NONE, workspace)):
        staging.stage_all(cfg, said.append)
        assert all(0 <= fields.pop("seconds", 0) < 60 for _, fields in told)
        runs.append(sorted(told, key=str))
        kept(cfg)
        told.clear()
    assert runs[0] == runs[1]
    assert [event for event, _ in runs[0]] == ["delivery read"] * 3 + ["delivery refused"] * 2
    assert said[-1] == "incoming/c_2025-10-12.csv and 4 others: reading on the cluster"


def test_only_large_ones_that_are_not_staged_are_read_there(workspace, in_threads, monkeypatch):
    lay(workspace)
    cfg = on_cluster_of(OF_NONE, workspace)
    monkeypatch.setattr(ahead, "LARGE_BYTES", len(CUSTOMERS))
    first = staging.stage_all(cfg)
    assert in_threads == [4], "all but the customers of just that size"
    assert staging.stage_all(cfg) == first
    assert in_threads == [4, 2], "those that were refused"
    monkeypatch.setattr(ahead, "LARGE_BYTES", 75_000_000)
    assert staging.stage_all(cfg) == first
    assert in_threads == [4, 2]


def test_the_same_bytes_are_read_once_and_refused_by_each_name(workspace, in_threads):
    lay(workspace, {"b_2025-10-13.xml": ORDERS, "a_2025-10-12.xml": ORDERS, "c.XML": BROKEN, "d.xml": BROKEN})
    here = assert_as_here(workspace, OF_NONE)
    assert in_threads == [2]
    assert [(one.name, one.also_named) for one in here.staged] == [
        ("incoming/a_2025-10-12.xml", ("incoming/b_2025-10-13.xml",))
    ]
    assert [refusal.partition(",")[0] for refusal in here.refused] == ["incoming/c.XML", "incoming/d.xml"]


def test_bytes_that_change_before_they_are_read_are_refused(workspace, in_threads, monkeypatch):
    lay(workspace, {"o_2025-10-12.xml": ORDERS})
    find = deliveries.find

    def then_changed(settings):
        found = find(settings)
        lay(workspace, {"o_2025-10-12.xml": ORDERS + b"\n"})
        return found

    monkeypatch.setattr(deliveries, "find", then_changed)
    (refused,) = staging.stage_all(on_cluster_of(OF_NONE, workspace)).refused
    assert refused.startswith("incoming/o_2025-10-12.xml: changed while it was read; ")
    assert list(kept(workspace)) == ["manifest.json"]


def test_what_a_worker_stages_nobody_else_may_read(workspace, in_threads):
    lay(workspace)
    staging.stage_all(on_cluster_of(OF_NONE, workspace))
    modes = {stat.S_IMODE(file.stat().st_mode) for file in workspace.staging.iterdir()}
    assert (modes, stat.S_IMODE(workspace.staging.stat().st_mode)) == ({0o600}, 0o700)


def test_what_travels_is_small(workspace, monkeypatch):
    lay(workspace)
    sizes = clusters.weighed(monkeypatch)
    staging.stage_all(on_cluster_of(OF_NONE, workspace))
    assert max(sizes) < 10_000 < len(ORDERS)


def test_an_unreachable_scheduler_is_told_with_the_deliveries(workspace):
    address = f"tcp://127.0.0.1:{free_port()}"
    lay(workspace, {"o_2025-10-12.xml": ORDERS, "p_2025-10-12.xml": BROKEN})
    said = (
        rf"answers at {address}: .* DASK_SCHEDULER_ADDRESS, or unset it .* "
        r"\(incoming/o_2025-10-12\.xml and 1 other were to be read there\)$"
    )
    with pytest.raises(ClusterUnavailable, match=said) as error:
        staging.stage_all(on_cluster_of(address, workspace))
    assert passing.passes(error.value)
    assert len(way_out.ways("ClusterUnavailable", str(error.value))) == 1, "another engine reads nothing"


def not_shared(cfg, lacking):
    lay(cfg, {"o_2025-10-12.xml": ORDERS})
    said = (
        rf"worker of {OF_NONE} .* does not find .*{lacking}.*: let all workers share DATA_DIR.* "
        r"\(incoming/o_2025-10-12\.xml was to be read there\)$"
    )
    with pytest.raises(ClusterUnavailable, match=said):
        staging.stage_all(on_cluster_of(OF_NONE, cfg))


def test_a_worker_that_does_not_see_our_disk_says_so(workspace, monkeypatch):
    def missing(*_):
        raise FileNotFoundError(2, "No such file or directory", "/data/incoming/o_2025-10-12.xml")

    monkeypatch.setattr(cluster, "compute", missing)
    not_shared(workspace, r"/data/incoming/o_2025-10-12\.xml")


def test_a_worker_that_writes_to_a_disk_of_its_own_says_so(workspace, monkeypatch):
    monkeypatch.setattr(cluster, "compute", lambda tasks, _: [on_worker.Told(1.0) for _ in tasks])
    not_shared(workspace, "staging/orders-")


def test_a_worker_writes_nothing_where_there_is_no_staging_folder(tmp_path):
    (tmp_path / "o.xml").write_bytes(ORDERS)
    known = on_worker.Known("o.xml", "orders", "0" * 64)
    with pytest.raises(FileNotFoundError, match="of/another/machine"):
        on_worker.on_disk(known, str(tmp_path / "o.xml"), str(tmp_path / "of/another/machine/o.parquet"))
    assert [one.name for one in tmp_path.iterdir()] == ["o.xml"]


def in_a_bucket(cfg, moto, address):
    """Read what lies in a bucket and in folders; assert that it is as here, and that nothing stays there."""
    for name, content in LYING.items():
        moto.client().put_object(Bucket=cfg.s3_bucket, Key=f"incoming/{name}", Body=content)
    named = cfg.data_dir / "o\udcff rders.xml"
    named.write_bytes(ORDERS.replace(b"O1", b"P1"))
    here = assert_as_here(cfg.model_copy(update={"orders_xml_path": named}), address)
    assert (len(here.staged), len(here.refused)) == (4, 2)
    # Arrow marks a folder by an object without a byte.
    assert [key for key in moto.objects(cfg.s3_bucket, "warehouse/") if not key.endswith("/")] == []


def test_in_a_bucket_workers_are_given_what_lies_in_a_folder(on_moto, moto, in_threads, monkeypatch):
    put, names = Shelf.put, []

    def noting(shelf, file, name):
        names.append(name)
        return put(shelf, file, name)

    monkeypatch.setattr(Shelf, "put", noting)
    in_a_bucket(on_moto(INCOMING_URL="s3:///incoming/"), moto, OF_NONE)
    assert in_threads == [6]
    assert sorted(name.rpartition(".")[2] for name in names) == ["delivered", *["parquet"] * 4]


def test_what_was_fetched_lies_on_the_disk_that_is_shared(on_moto, moto, in_threads, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "")
    cfg = on_moto(INCOMING_URL="s3:///incoming/").model_copy(update={"warehouse_url": None})
    for name, content in LYING.items():
        moto.client().put_object(Bucket=cfg.s3_bucket, Key=f"incoming/{name}", Body=content)
    assert_as_here(cfg, OF_NONE)
    assert in_threads == [5]


@pytest.mark.long
def test_workers_read_as_it_is_done_here(workspace, servers):
    lay(workspace)
    here = assert_as_here(workspace, servers.address)
    assert (len(here.staged), len(here.refused)) == (3, 2)


@pytest.mark.long
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_worker_killed_while_it_reads_changes_nothing(place, workspace, servers, tmp_path):
    """It dies before it writes what it reads, when all is written, and when that has its name, untold."""
    lay(workspace, {f"o_2025-10-{day}.xml": ORDERS.replace(b"O1", b"P%d" % day) for day in range(10, 16)})
    here = staging.stage_all(workspace)
    files = kept(workspace)
    with servers.one_dies(tmp_path / "reached", place):
        assert staging.stage_all(on_cluster_of(servers.address, workspace)) == here
    found = kept(workspace)
    half = {name for name in found if name.endswith(".part")}
    assert len(half) == (place == 2), "what the next run sweeps away"
    assert {name: found[name] for name in found if name not in half} == files


@pytest.mark.long
def test_in_a_bucket_workers_need_no_disk_of_ours(on_moto, moto, servers):
    in_a_bucket(on_moto(INCOMING_URL="s3:///incoming/"), moto, servers.address)


@pytest.mark.long
def test_a_worker_that_would_read_otherwise_says_so(workspace, tmp_path):
    lay(workspace, {"o_2025-10-12.xml": ORDERS})
    shutil.copytree(ROOT / "akasa", tmp_path / "code" / "akasa", symlinks=True)
    other = Path(tmp_path, "code/akasa/ingest/readers/__init__.py")
    other.write_text(
        other.read_text("utf-8").replace("\nREADER_VERSION = ", "\nREADER_VERSION = 9"), encoding="utf-8"
    )
    for code, said in (
        (tmp_path / "code", rf"has readers 9{readers.READER_VERSION} and not .* akasa's code of"),
        (None, "has no akasa"),
    ):
        with clusters.cluster(tmp_path, workers=1, akasa=code) as servers:
            told = (
                rf"worker of {servers.address} .* {said}.*: install there .*o_2025-10-12\.xml was to be read"
            )
            with pytest.raises(ClusterUnavailable, match=told):
                staging.stage_all(on_cluster_of(servers.address, workspace))
