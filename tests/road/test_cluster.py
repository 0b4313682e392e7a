"""Dask on a real scheduler and worker processes: the same KPIs, whoever dies; faults are told in time."""

import os
import socket
import time
from datetime import date

import pytest
from distributed import Client
from lib import clusters
from lib.ports import free_port
from lib.stores import customer, fill, ledger_row, order, tables

from akasa.kpis import dask as dask_engine
from akasa.kpis import engines, reconcile
from akasa.stores import migrate, warehouse
from akasa.workspace import cluster
from akasa.workspace.cluster import ClusterUnavailable

pytestmark = pytest.mark.slow

AS_OF = date(2025, 12, 31)
ORDERS = [
    order(f"O-{n}", f"900000000{n % 7}", f"2025-{1 + n % 12:02d}-{1 + n % 28:02d} 10:00:00", n)
    for n in range(300)
]
CUSTOMERS = [customer(f"C-{n}", f"900000000{n}", f"Region {n % 3}") for n in range(5)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with clusters.cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def filled(migrated):
    fill(migrated, tables(CUSTOMERS, ORDERS), ledger_row(1))
    return migrated


def on_cluster(settings, address):
    return settings.model_copy(update={"dask_scheduler_address": address})


def assert_as_pandas(settings, source):
    expected = engines.compute(settings, "pandas", AS_OF)
    assert len(expected["pandas"]["monthly_trends"]) == 12
    assert reconcile.compare({**expected, **engines.compute_from({"dask": source}, AS_OF)}).empty


def during(monkeypatch, happen):
    """Let something happen when the cluster holds the first results of a computation, once."""
    compute, left = Client.compute, [happen]

    def computing(client, tasks):
        futures = compute(client, tasks)
        until = time.monotonic() + 30
        while left and not any(client.has_what().values()):
            assert time.monotonic() < until
        while left:
            left.pop()()
        return futures

    monkeypatch.setattr(Client, "compute", computing)


def unreachable():
    return f"tcp://127.0.0.1:{free_port()}"


def test_a_cluster_computes_what_pandas_does_and_keeps_no_client(filled, servers):
    assert_as_pandas(filled, dask_engine.source(on_cluster(filled, servers.address)))
    with cluster.connected(servers.address) as client:
        names = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.clients))
        assert [name for name in names if name.startswith("Client")] == [client.id]


def test_the_cluster_is_shown_with_its_workers_and_dashboard(servers):
    assert cluster.place(servers.address).startswith(f"Dask runs on 2 workers of `{servers.address}`: [dash")
    assert cluster.place(None) == "Dask runs in threads of this process."


def test_a_warehouse_in_a_bucket_is_read_by_the_workers(on_moto, servers):
    cfg = on_moto()
    migrate.upgrade(cfg)
    fill(cfg, tables(CUSTOMERS, ORDERS), ledger_row(1))
    for scheduler in (None, servers.address):
        assert_as_pandas(cfg, dask_engine.source(on_cluster(cfg, scheduler)))
    orders = dask_engine.source(cfg).orders
    assert len(orders.files) == 12
    assert cfg.aws_secret_access_key.get_secret_value() not in repr(orders)


def test_a_worker_killed_during_the_run_changes_nothing(filled, servers, monkeypatch):
    during(monkeypatch, lambda: servers.kill_workers(1))
    assert_as_pandas(filled, dask_engine.source(on_cluster(filled, servers.address)))
    assert len(servers.workers) == 1
    servers.add_workers(1)


def test_all_workers_killed_for_good_end_the_run_with_an_error(filled, servers, monkeypatch):
    during(monkeypatch, lambda: servers.kill_workers(2))
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 2)
    with pytest.raises(ClusterUnavailable, match=f"{servers.address} .* no worker for 2 s: start workers"):
        dask_engine.repeat_customers(dask_engine.source(on_cluster(filled, servers.address)), AS_OF)
    servers.add_workers(2)


def test_a_task_that_kills_its_workers_is_given_up(servers):
    with pytest.raises(ClusterUnavailable, match=r"died one after another .* memory; give them more"):
        cluster.compute([cluster.task(os._exit, 1)], servers.address)
    servers.kill_workers(2)
    servers.add_workers(2)


def test_a_fault_of_the_work_itself_comes_through_as_it_is(filled, servers, tmp_path):
    orders = dask_engine.read_orders([str(tmp_path / "gone.parquet")])
    tables = (warehouse.dataset(table, filled) for table in ("customers", "holdings"))
    source = dask_engine.Tables(orders, *tables, servers.address)
    with pytest.raises(FileNotFoundError, match=r"gone\.parquet"):
        dask_engine.monthly_trends(source, AS_OF)


def test_a_scheduler_that_dies_during_the_run_ends_it_with_an_error(filled, servers, monkeypatch):
    """The last test with these servers."""
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 2)
    during(monkeypatch, lambda: clusters.kill(servers.scheduler))
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match=f"{servers.address} .* went away during the run"):
        dask_engine.repeat_customers(dask_engine.source(on_cluster(filled, servers.address)), AS_OF)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("scheme", ["", "tcp://", "nonsense://"])
def test_an_unreachable_scheduler_is_named_with_its_setting(filled, scheme):
    address = scheme + unreachable().removeprefix("tcp://")
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match=f"{address}: .* DASK_SCHEDULER_ADDRESS, or unset it"):
        dask_engine.monthly_trends(dask_engine.source(on_cluster(filled, address)), AS_OF)
    assert time.monotonic() - began < 10


def test_a_server_that_is_no_scheduler_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ClusterUnavailable, match=address):
            cluster.place(address)
