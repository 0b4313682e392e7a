"""Where a workspace stands is told whatever is wrong with it, and nothing is made or changed for that."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from lib import promoting
from lib.drops import customers, deliver, orders, run
from lib.ports import free_port

from akasa.__main__ import main
from akasa.ingest import staging
from akasa.run import status
from akasa.stores import migrate

CUSTOMERS = customers(("C-1", "9000000001", "North"), ("C-2", "12", "South"))
ORDERS = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"))


def asked(*options, status=0):
    result = CliRunner().invoke(main, ["status", *options])
    assert result.exit_code == status, result.output
    return result.output


def everything(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in Path(folder).rglob("*")}


def test_a_workspace_is_told_with_all_that_lies_there(migrated):
    deliver(migrated, ("customers.csv", CUSTOMERS), ("orders.xml", ORDERS))
    run(migrated)
    deliver(migrated, ("incoming/orders_2025-11-12.xml", b"<orders><order>"), ("incoming/x.txt", b""))
    staging.stage_all(migrated)
    before = everything(migrated.data_dir)
    found = status.look(migrated)
    assert [(row["name"], row["rejected"]) for row in found.published] == [
        ("customers.csv", 1),
        ("orders.xml", 0),
    ]
    assert found.waiting == ["incoming/orders_2025-11-12.xml"]
    (refused,) = found.refused
    assert refused.startswith("incoming/orders_2025-11-12.xml, line 1")
    (rejected,) = found.rejected
    assert rejected["file"].startswith("data/rejects/customers.csv.")
    assert rejected["records"] == 1
    assert "incoming/x.txt" in found.warnings[0]
    assert (found.outputs, found.problems) == (None, [])
    assert everything(migrated.data_dir) == before
    lines = status.words(found).splitlines()
    assert lines[0] == "published: 2 deliveries"
    assert lines[1].startswith("  customers.csv  2 records, 1 rejected, 0 repeats  (20")
    assert lines[3] == "waiting: incoming/orders_2025-11-12.xml"
    assert found.still_open == 1
    (still_open,) = (line for line in lines if "still open" in line)
    assert still_open.startswith("rejected and still open: 1; `python -m akasa rejects --open` lists them, ")


def test_repairs_wait_until_each_of_their_parts_is_published_and_need_no_day(migrated):
    """And what they mend is no longer told as open."""
    header = b"akasa_repairs,customer_id,customer_name,mobile_number,region\n"
    deliver(migrated, ("customers.csv", customers(("C-1", "12", "North"))))
    deliver(migrated, ("incoming/c_2025-11-12.csv", customers(("C-2", "12", "North"))))
    run(migrated)
    rows = b"customers.csv#1,C-1,A,9000000001,N\nincoming/c_2025-11-12.csv#1,C-2,B,9000000002,N\n"
    deliver(migrated, ("incoming/repair.csv", header + rows))
    before = status.look(migrated)
    assert (before.waiting, before.still_open) == (["incoming/repair.csv"], 2)
    run(migrated)
    after = status.look(migrated)
    assert (after.waiting, after.still_open, after.warnings) == ([], 0, ())
    assert not any("still open" in line for line in status.words(after).splitlines())


def test_the_same_for_programs(migrated):
    deliver(migrated, ("customers.csv", CUSTOMERS), ("orders.xml", ORDERS))
    run(migrated)
    told = json.loads(asked("--json"))
    assert {row["kind"]: row["records"] for row in told["published"]} == {"customers": 2, "orders": 1}
    assert set(told) == set(status.Status.__dataclass_fields__)


def test_the_run_in_place_is_named_with_what_was_changed_since(workspace):
    promoting.promote(workspace.output_dir, {"index.html": "1", "sql.json": "1"}, "R1")
    (workspace.output_dir / "sql.json").write_text("2")
    found = status.look(workspace)
    assert (found.outputs["run"], found.outputs["changed"]) == ("R1", ["sql.json"])
    assert "warning: sql.json is not what that run wrote" in status.words(found)


def test_an_empty_place_stays_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "outputs"))
    assert "no delivery found: put customers.csv and orders.xml into" in asked()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_down_is_told(workspace, monkeypatch):
    deliver(workspace, ("orders.xml", ORDERS))
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    monkeypatch.setenv("DB_PORT", str(free_port()))
    shown = asked(status=1)
    assert "published: not known" in shown
    assert "problem: database: cannot use database 'akasa'" in shown
    assert json.loads(asked("--json", status=1))["published"] is None


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look at" * 9, b"SQLite format 3\0" + b"\xff" * 99]
)
def test_a_damaged_database_is_told_and_left_as_it_is(workspace, content):
    file = workspace.data_dir / "akasa.db"
    file.write_bytes(content)
    assert "problem: database: " in asked(status=1)
    assert file.read_bytes() == content


def test_a_database_of_another_version_is_told_and_left_as_it_is(workspace):
    first = next(reversed(list(migrate.scripts().walk_revisions()))).revision
    migrate.upgrade(workspace, first)
    before = everything(workspace.data_dir)
    assert f"problem: database: it is at {first}, this version expects" in asked(status=1)
    assert everything(workspace.data_dir) == before


@pytest.mark.parametrize("setting", ["DATA_DIR", "OUTPUT_DIR"])
def test_a_folder_that_is_a_file_is_told(workspace, tmp_path, monkeypatch, setting):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv(setting, str(tmp_path / "file"))
    shown = asked()
    assert setting != "DATA_DIR" or f"problem: DATA_DIR: {tmp_path / 'file'} is a file" in shown
    assert (tmp_path / "file").read_text() == "x"


def test_a_promotion_that_was_killed_is_completed_by_looking(workspace, monkeypatch):
    public = workspace.output_dir
    promoting.promote(public, promoting.OLD, "old")
    promoting.write(public, promoting.MINE)
    assert promoting.killed(8, promoting.promote, public, promoting.NEW, "new")
    assert promoting.run_of(public) not in ("old", "new")
    asked()
    (public / ".outputs.lock").unlink()
    assert promoting.run_of(public) == "new"


def test_what_is_no_file_of_ours_is_told(workspace):
    (workspace.data_dir / "rejects").mkdir()
    (workspace.data_dir / "rejects/mine.csv").write_bytes(b"\xff")
    (workspace.data_dir / "rejects/a.csv.0123456789ab.csv").write_bytes(b"\xff\xfe\x00")
    staging_folder = workspace.data_dir / "staging"
    staging_folder.mkdir()
    (staging_folder / "manifest.json").write_text("{")
    (workspace.output_dir / ".promotion.json").write_text("{")
    shown = asked()
    for what in ("rejects", "staging", "outputs"):
        assert f"problem: {what}: " in shown


def test_deliveries_in_a_bucket_are_told_without_being_fetched(on_moto, moto):
    cfg = on_moto(INCOMING_URL="s3:///incoming")
    moto.client().put_object(Bucket=cfg.s3_bucket, Key="incoming/o_2025-11-12.xml", Body=ORDERS)
    assert status.look(cfg).waiting == ["incoming/o_2025-11-12.xml"]
    assert everything(cfg.data_dir) == {cfg.incoming: None}
    run(cfg)
    assert status.look(cfg).waiting == []
    away = cfg.model_copy(update={"incoming_url": "s3://no-such-bucket/incoming"})
    (problem,) = status.look(away).problems
    assert problem == (
        f"deliveries: cannot use s3://no-such-bucket/incoming at {cfg.aws_endpoint_url}: "
        "there is no such bucket: create it, or mend the address"
    )
