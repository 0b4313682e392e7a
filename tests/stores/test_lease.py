"""Whose a warehouse in a bucket is: turns of runs, copies of a database, other databases."""

import json
import shutil
import time
from contextlib import ExitStack

import pytest
from lib.drops import customers, deliver, orders, run
from lib.stores import in_database, in_warehouse

from akasa.publish import road, warehouse_merge
from akasa.stores import lease, lock
from akasa.workspace import objects, storage
from akasa.workspace.storage import StorageUnavailable

ORDERS = orders(("O1", "9876543210", "2025-10-12 10:00", "S1", 1, "5.00"))
OTHERS = orders(("O2", "9876543210", "2025-10-12 10:00", "S1", 1, "7.00"))


@pytest.fixture
def quick(monkeypatch):
    """Let turns end and waits look sooner."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(lease, "BREATH_SECONDS", 0.1)
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.05)


def said(settings):
    found = objects.read(storage.bucket(settings, settings.warehouse_url), lease.NAME)
    return json.loads(found[0])


def elsewhere(settings, tmp_path, monkeypatch, name="elsewhere", copy=False):
    """Return settings with the same bucket and another data folder, as on another machine."""
    folder = tmp_path / name / "data"
    if copy:
        shutil.copytree(settings.data_dir, folder)
    else:
        (folder / "incoming").mkdir(parents=True)
    return settings.model_copy(update={"data_dir": folder, "lock_timeout": 0.3})


def publish(settings, name, content):
    deliver(settings, (f"incoming/{name}", content))
    with lock.run(settings):
        run(settings)


def test_a_turn_is_taken_and_given_back(on_moto):
    cfg = on_moto()
    with lock.run(cfg) as me:
        assert (said(cfg)["holder"], said(cfg)["held"]) == (me, True)
        lock.require_lease(cfg)
    assert not said(cfg)["held"]
    with lock.run(cfg):
        pass


def test_in_a_folder_no_lease_is_taken(workspace):
    with lock.run(workspace):
        lock.require_lease(workspace)


def test_another_database_is_refused_before_anything_is_published(on_moto, tmp_path, monkeypatch):
    cfg = on_moto()
    publish(cfg, "o_2025-11-12.xml", ORDERS)
    there = in_warehouse(cfg)
    other = elsewhere(cfg, tmp_path, monkeypatch)
    with pytest.raises(
        lease.ForeignWarehouse,
        match=rf"the warehouse s3://{cfg.s3_bucket}/warehouse follows another database, and the SQLite file "
        rf"in data would undo .* \(DB_HOST\); .* remove s3://{cfg.s3_bucket}/warehouse/_akasa.json$",
    ):
        publish(other, "p_2025-11-12.xml", OTHERS)
    assert in_warehouse(cfg) == there
    objects_ = storage.s3(storage.options(cfg))
    objects_.delete_file(f"{cfg.s3_bucket}/warehouse/{lease.NAME}")
    publish(other, "p_2025-11-12.xml", OTHERS)
    assert [row[0] for row in in_warehouse(cfg)["orders"]] == ["O2"]


def test_a_copy_of_the_database_that_is_behind_is_refused(on_moto, tmp_path, monkeypatch):
    cfg = on_moto()
    publish(cfg, "o_2025-11-12.xml", ORDERS)
    copy = elsewhere(cfg, tmp_path, monkeypatch, copy=True)
    publish(cfg, "p_2025-11-13.xml", OTHERS)
    with pytest.raises(lease.ForeignWarehouse, match="follows another copy of this database"):
        publish(copy, "q_2025-11-13.xml", customers(("C1", "9876543210", "North")))
    assert {row[0] for row in in_warehouse(cfg)["orders"]} == {"O1", "O2"}


@pytest.mark.long
def test_a_database_that_was_moved_goes_on(on_moto, tmp_path, monkeypatch):
    cfg = on_moto()
    publish(cfg, "o_2025-11-12.xml", ORDERS)
    moved = elsewhere(cfg, tmp_path, monkeypatch, copy=True)
    publish(moved, "p_2025-11-13.xml", OTHERS)
    assert {row[0] for row in in_warehouse(moved)["orders"]} == {"O1", "O2"}
    with pytest.raises(lease.ForeignWarehouse):
        publish(cfg, "q_2025-11-14.xml", ORDERS)


def shared(cfg, monkeypatch, seconds):
    """Let the next one be on another machine, with the database on a disk that both have mounted."""
    monkeypatch.setattr(lease, "machine", lambda settings: "another machine")
    return cfg.model_copy(update={"lock_timeout": seconds})


def test_a_turn_that_goes_on_is_waited_for_however_long_it_takes(on_moto, quick, monkeypatch):
    cfg = on_moto()
    with lock.run(cfg) as me:
        other = shared(cfg, monkeypatch, 1.5 * lease.LEASE_SECONDS)
        with pytest.raises(lock.Busy) as told:
            lease.hold(other, other.warehouse_url, "me").__enter__()
        assert str(told.value).startswith(f"{me} on ")
        assert f" holds s3://{cfg.s3_bucket}/warehouse; waited 3 s. Try again" in str(told.value)


def test_a_turn_that_is_not_renewed_ends_and_its_holder_publishes_nothing_more(on_moto, quick, monkeypatch):
    cfg = on_moto()
    deliver(cfg, ("incoming/o_2025-11-12.xml", ORDERS))
    monkeypatch.setattr(lease, "BREATH_SECONDS", 60)
    with lock.run(cfg):
        other = shared(cfg, monkeypatch, 30)
        with lease.hold(other, other.warehouse_url, "the other"):
            with pytest.raises(lock.LockLost, match="another one has taken s3://"):
                run(cfg)
            assert in_database(cfg)["orders"] == []
            assert said(cfg)["holder"] == "the other"
    assert in_warehouse(cfg)["orders"] == []


def test_a_turn_that_ends_between_database_and_warehouse_leaves_the_warehouse(on_moto, quick, monkeypatch):
    cfg = on_moto()
    deliver(cfg, ("incoming/o_2025-11-12.xml", ORDERS))
    monkeypatch.setattr(lease, "BREATH_SECONDS", 60)
    others = ExitStack()

    def taken(place):
        if place == "before the Delta commit of customers":
            other = shared(cfg, monkeypatch, 30)
            others.enter_context(lease.hold(other, other.warehouse_url, "the other"))

    with monkeypatch.context() as during, lock.run(cfg):
        during.setattr(warehouse_merge, "reached", taken)
        with pytest.raises(lock.LockLost), others:
            run(cfg)
    assert in_warehouse(cfg)["orders"] == []
    with lock.run(cfg):
        run(cfg)
    assert in_warehouse(cfg)["orders"] == in_database(cfg)["orders"] != []


def test_a_killed_turn_of_this_very_workspace_is_not_waited_for(on_moto):
    cfg = on_moto().model_copy(update={"lock_timeout": 0.0})
    with lock.run(cfg):
        pass
    killed(cfg)
    with lock.run(cfg) as me:
        assert said(cfg)["holder"] == me


def killed(cfg, **changes):
    """Let the lease be as a run leaves it that was killed."""
    place = storage.bucket(cfg, cfg.warehouse_url)
    _, etag = objects.read(place, lease.NAME)
    content = {**said(cfg), "held": True, "holder": "a killed run", **changes}
    objects.put(place, lease.NAME, json.dumps(content).encode(), etag)


def test_a_killed_turn_of_another_machine_is_waited_for_until_it_is_over(on_moto, quick):
    cfg = on_moto().model_copy(update={"lock_timeout": 30.0})
    with lock.run(cfg):
        pass
    killed(cfg, machine="another")
    began = time.monotonic()
    with lock.run(cfg) as me:
        assert time.monotonic() - began > lease.LEASE_SECONDS
        assert said(cfg)["holder"] == me


def test_a_lease_that_nobody_can_read_is_named(on_moto, moto):
    cfg = on_moto()
    moto.client().put_object(Bucket=cfg.s3_bucket, Key=f"warehouse/{lease.NAME}", Body=b"[1]")
    with pytest.raises(StorageUnavailable, match=rf"s3://.*/{lease.NAME} is not what akasa wrote"):
        lock.run(cfg).__enter__()


def test_turns_that_nobody_can_read_are_named_with_the_way_out(on_moto, moto):
    cfg = on_moto()
    publish(cfg, "orders_2025-10-12.xml", ORDERS)
    noted = cfg.data_dir / ".warehouse.json"
    noted.write_text("{")
    with pytest.raises(StorageUnavailable, match=r"data/\.warehouse\.json is not what akasa wrote"):
        lock.run(cfg).__enter__()
    noted.unlink()
    moto.client().delete_object(Bucket=cfg.s3_bucket, Key=f"warehouse/{lease.NAME}")
    with lock.run(cfg):
        run(cfg)
    assert in_warehouse(cfg)["orders"] == in_database(cfg)["orders"]


def test_databases_on_a_server_share_by_its_lock_and_no_other_database_does(
    on_moto, on_mariadb, tmp_path, monkeypatch
):
    on_moto()
    cfg = on_mariadb()
    publish(cfg, "o_2025-11-12.xml", ORDERS)
    other = elsewhere(cfg, tmp_path, monkeypatch)
    publish(other, "p_2025-11-13.xml", OTHERS)
    assert {row[0] for row in in_warehouse(cfg)["orders"]} == {"O1", "O2"}
    alone = other.model_copy(update={"db_host": None})
    with pytest.raises(lease.ForeignWarehouse, match="follows another database"):
        publish(alone, "q_2025-11-14.xml", ORDERS)
    third = on_mariadb()
    with pytest.raises(lease.ForeignWarehouse, match=f"follows another database, and {third.db_name} would"):
        road.plan(third)
