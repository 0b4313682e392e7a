"""Deliveries in a bucket are those of a folder: the same names, places and records, fetched once each."""

import json
import os

import pytest
from lib.drops import orders

from akasa.ingest import deliveries, staging
from akasa.workspace import objects

ORDERS = orders(("O1", "9876543210", "2025-10-12 10:00", "S1", 1, "5.00"))
OTHER = orders(("O2", "9876543210", "2025-10-12 10:00", "S1", 1, "7.00"))


@pytest.fixture
def lying(on_moto, moto):
    """Give a function that puts objects below INCOMING_URL, and the settings."""
    cfg = on_moto(INCOMING_URL="s3:///incoming/")

    def put(**contents):
        for name, content in contents.items():
            moto.client().put_object(Bucket=cfg.s3_bucket, Key=f"incoming/{name}", Body=content)

    return cfg, lambda contents: put(**contents)


@pytest.fixture
def fetches(monkeypatch):
    """Note the names of objects that are fetched."""
    noted, fetch = [], objects.fetch

    def noting(place, name, path):
        noted.append(name)
        return fetch(place, name, path)

    monkeypatch.setattr(objects, "fetch", noting)
    return noted


def names(manifest):
    return [(one.name, one.records) for one in manifest.staged]


def test_what_lies_in_a_bucket_is_staged_as_what_lies_in_a_folder_is(lying, moto):
    cfg, put = lying
    contents = {"o_2025-11-12.xml": ORDERS, "a.XML": OTHER, "o_2025-11-11.xml": ORDERS, "note.txt": b"x"}
    put({**contents, "o_2025-11-13.xml.part": b"half", ".hidden.xml": b"x", "": b"", "old/o.xml": ORDERS})
    there = staging.stage_all(cfg)
    assert not (cfg.staging / ".fetched").exists()
    in_a_folder = cfg.model_copy(update={"incoming_url": None})
    for name, content in contents.items():
        (cfg.incoming / name).write_bytes(content)
    (cfg.incoming / "old").mkdir()
    here = staging.stage_all(in_a_folder)
    assert names(there) == [("incoming/o_2025-11-11.xml", 1), ("incoming/a.XML", 1)]
    assert (there.staged, there.refused) == (here.staged, here.refused)
    assert sorted(there.warnings) == sorted(here.warnings)
    assert moto.objects(cfg.s3_bucket, "incoming/o_2025-11-12")["incoming/o_2025-11-12.xml"] == ORDERS


def test_an_object_is_fetched_once_until_its_bytes_change(lying, fetches):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    for _ in range(2):
        staging.stage_all(cfg)
    assert fetches == ["o_2025-11-12.xml"]
    put({"o_2025-11-12.xml": OTHER})
    (staged,) = staging.stage_all(cfg).staged
    assert fetches == ["o_2025-11-12.xml"] * 2
    assert staging.read(cfg.staging, "orders", staged.sha256)["order_id"].to_pylist() == ["O2"]


def test_what_is_no_longer_staged_is_fetched_again(lying, fetches):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    (first,) = staging.stage_all(cfg).staged
    staging.path(cfg.staging, "orders", first.sha256).unlink()
    assert staging.stage_all(cfg).staged == (first,)
    assert len(fetches) == 2


def test_notes_that_cannot_be_read_are_made_anew(lying, fetches):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    staging.stage_all(cfg)
    for cut in ("{", "[]", '{"o_2025-11-12.xml": 1}'):
        (cfg.staging / "objects.json").write_text(cut)
        staging.stage_all(cfg)
    assert len(fetches) == 4
    assert list(json.loads((cfg.staging / "objects.json").read_text())) == ["o_2025-11-12.xml"]
    assert os.stat(cfg.staging / "objects.json").st_mode & 0o077 == 0


def test_who_only_looks_fetches_nothing(lying, fetches):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    (found,) = deliveries.find(cfg, fetch=False).deliveries
    assert (found.name, found.sha256, fetches) == ("incoming/o_2025-11-12.xml", "", [])
    assert not cfg.staging.exists()


def test_an_object_that_goes_while_it_is_looked_at_is_passed_over(lying, monkeypatch):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS, "p_2025-11-12.xml": OTHER})
    list_all = objects.listed

    def gone(place):
        found = list_all(place)
        return [*found[0], objects.Object("q_2025-11-12.xml", "gone")], found[1]

    monkeypatch.setattr(objects, "listed", gone)
    found = staging.stage_all(cfg)
    assert [one.name for one in found.staged] == ["incoming/o_2025-11-12.xml", "incoming/p_2025-11-12.xml"]
    assert found.warnings == (
        "incoming/q_2025-11-12.xml went away while it was looked at, so it was passed over",
    )


def test_bytes_that_change_before_they_are_staged_are_refused(lying, monkeypatch):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    staging.stage_all(cfg)
    for staged in cfg.staging.glob("*.parquet"):
        staged.unlink()
    find = deliveries.find

    def then_changed(settings):
        found = find(settings)
        put({"o_2025-11-12.xml": OTHER})
        return found

    monkeypatch.setattr(deliveries, "find", then_changed)
    (refused,) = staging.stage_all(cfg).refused
    assert refused.startswith("incoming/o_2025-11-12.xml: changed while it was read")


def test_a_folder_that_a_bucket_stands_for_is_told(lying):
    cfg, put = lying
    put({"o_2025-11-12.xml": ORDERS})
    (cfg.incoming / "o_2025-11-13.xml").write_bytes(OTHER)
    found = deliveries.find(cfg)
    assert [one.name for one in found.deliveries] == ["incoming/o_2025-11-12.xml"]
    assert found.warnings == ("data/incoming is not looked at, as INCOMING_URL is set: 1 deliveries",)


def test_an_empty_prefix_is_named(lying):
    cfg, _ = lying
    with pytest.raises(FileNotFoundError, match=rf"dated files into s3://{cfg.s3_bucket}/incoming$"):
        deliveries.find(cfg)
