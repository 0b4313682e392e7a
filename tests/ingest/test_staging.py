import hashlib
import json
import os
from datetime import date

import pyarrow.parquet as pq
import pytest
from lib.disk import columns_with_a_dictionary

from akasa.ingest import readers, reading, staging
from akasa.ingest.readers import RefusedDelivery, records

CSV = b"customer_id,customer_name,mobile_number,region\n1,Asha,9876543210,North\n2,Bina,,South\n"
XML = b"<orders><order><order_id>1</order_id></order><order/></orders>"


@pytest.fixture
def put(workspace):
    def write(name, content):
        (workspace.data_dir / name).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    return write


def staged_files(workspace):
    return sorted(path.name for path in workspace.staging.iterdir())


def test_records_are_staged_under_the_sha256_of_their_bytes(workspace, put):
    of_csv, of_xml = put("customers.csv", CSV), put("incoming/orders_20251012.xml", XML)
    manifest = staging.stage_all(workspace)
    assert staged_files(workspace) == [
        f"customers-{of_csv}.parquet",
        "manifest.json",
        f"orders-{of_xml}.parquet",
    ]
    first, second = manifest.staged
    assert first == staging.Staged("customers.csv", "customers", of_csv, 0, None, 2, {})
    assert second == staging.Staged("incoming/orders_20251012.xml", "orders", of_xml, 1, "2025-10-12", 2, {})
    assert (first.day, second.day) == (None, date(2025, 10, 12))
    raw = staging.read(workspace.staging, "customers", of_csv).to_pandas()
    assert list(raw) == ["record", *readers.CUSTOMER_FIELDS, "malformed", "raw"]
    assert raw[["record", "customer_id", "mobile_number"]].to_numpy().tolist() == [
        [1, "1", "9876543210"],
        [2, "2", ""],
    ]
    assert staging.read(workspace.staging, "orders", of_xml)["order_id"].is_null().to_pylist() == [
        False,
        True,
    ]


def test_staged_files_keep_a_dictionary_of_what_repeats_and_of_no_ids(workspace, put):
    put("customers.csv", CSV)
    put("orders.xml", b"<orders><order><order_id>1</order_id><sku_id>S</sku_id></order></orders>")
    staging.stage_all(workspace)
    files = workspace.staging.glob("*.parquet")
    repeats = set().union(*map(columns_with_a_dictionary, files))
    assert repeats == {"region", "sku_id", "sku_count"}


def test_the_manifest_is_read_back_as_it_was_written(workspace, put):
    put("customers.csv", CSV.replace(b"region\n", b"region,note\n"))
    put("orders.xml", b"<orders>")
    put("incoming/again_20251113.csv", CSV.replace(b"region\n", b"region,note\n"))
    put("incoming/x.txt", b"")
    manifest = staging.stage_all(workspace)
    assert staging.read_manifest(workspace) == manifest
    assert manifest.staged[0].also_named == ("incoming/again_20251113.csv",)
    assert len(manifest.refused) == len(manifest.warnings) == 1


def test_without_a_manifest_it_says_what_to_run(workspace):
    with pytest.raises(staging.NothingStaged, match="nothing is staged yet: run 01_ingest first"):
        staging.read_manifest(workspace)


def test_the_manifest_shows_only_what_lies_there_now(workspace, put):
    put("customers.csv", CSV)
    put("orders.xml", XML)
    staging.stage_all(workspace)
    workspace.orders_xml.unlink()
    assert [one.name for one in staging.stage_all(workspace).staged] == ["customers.csv"]
    assert [one.name for one in staging.read_manifest(workspace).staged] == ["customers.csv"]


def test_what_is_staged_is_not_read_again(workspace, put, monkeypatch):
    sha256 = put("customers.csv", CSV)
    before = staging.stage_all(workspace)
    file = staging.path(workspace.staging, "customers", sha256)
    written = file.stat().st_mtime_ns
    monkeypatch.setattr(reading, "READERS", {})
    assert staging.stage_all(workspace) == before
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: CSV]
)
def test_a_staged_file_that_cannot_be_opened_is_read_again(workspace, put, damage):
    sha256 = put("customers.csv", CSV)
    before = staging.stage_all(workspace)
    file = staging.path(workspace.staging, "customers", sha256)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert staging.stage_all(workspace) == before
    assert file.read_bytes() == whole


def test_what_another_version_of_the_reader_staged_is_read_again(workspace, put, monkeypatch):
    sha256 = put("customers.csv", CSV)
    staging.stage_all(workspace)
    file = staging.path(workspace.staging, "customers", sha256)
    by_this_version = file.read_bytes()
    monkeypatch.setattr(readers, "READER_VERSION", readers.READER_VERSION + 1)
    staging.stage_all(workspace)
    assert file.read_bytes() != by_this_version
    monkeypatch.undo()
    pq.write_table(pq.read_table(file).replace_schema_metadata(), file)
    staging.stage_all(workspace)
    assert file.read_bytes() == by_this_version


def test_bytes_of_a_csv_under_the_name_of_an_xml_are_refused_every_time(workspace, put):
    """Staged by their hash alone, they were taken for orders in the second run."""
    put("incoming/a_20251012.xml", CSV)
    put("incoming/b_20251013.csv", CSV)
    put("incoming/c_20251014.xml", CSV)
    for _ in range(3):
        manifest = staging.stage_all(workspace)
        assert [(one.name, one.kind) for one in manifest.staged] == [("incoming/b_20251013.csv", "customers")]
        assert [refusal.split(":")[0] for refusal in manifest.refused] == [
            "incoming/a_20251012.xml, line 1",
            "incoming/c_20251014.xml, line 1",
        ]


def test_the_same_bytes_are_staged_once_and_listed_as_repeats(workspace, put):
    for name in ("incoming/c_20251013.csv", "incoming/c_20251012.csv", "incoming/copy.csv"):
        put(name, CSV)
    manifest = staging.stage_all(workspace)
    assert [(one.name, one.also_named) for one in manifest.staged] == [
        ("incoming/c_20251012.csv", ("incoming/c_20251013.csv", "incoming/copy.csv"))
    ]
    assert staging.repeated(manifest).to_numpy().tolist() == [
        ["incoming/c_20251013.csv", "incoming/c_20251012.csv"],
        ["incoming/copy.csv", "incoming/c_20251012.csv"],
    ]
    assert staging.table(manifest)["repeated_as"].tolist() == ["incoming/c_20251013.csv, incoming/copy.csv"]


def test_bytes_refused_under_one_name_are_no_repeat_of_it_under_another(workspace, put):
    put("incoming/a_20251012.csv", XML)
    put("incoming/b_20251013.xml", XML)
    (staged,) = staging.stage_all(workspace).staged
    assert (staged.name, staged.also_named) == ("incoming/b_20251013.xml", ())


def test_refused_files_are_listed_and_leave_nothing_behind(workspace, put):
    put("customers.csv", CSV + b'3,"x,9,N\n')
    put("orders.xml", XML)
    put("incoming/b.xml", b"<orders>\n<order>")
    put("incoming/c.csv", b"")
    manifest = staging.stage_all(workspace)
    assert [one.name for one in manifest.staged] == ["orders.xml"]
    unclosed, truncated, empty = manifest.refused
    assert unclosed == "customers.csv, line 4: the record that begins here has a quote that is never closed"
    assert truncated.startswith("incoming/b.xml, line 2: not well-formed XML: ")
    assert empty == "incoming/c.csv: the file is empty (0 bytes)"
    assert len(staged_files(workspace)) == 2


def test_refused_files_stop_the_run_unless_they_are_skipped(workspace, put):
    put("customers.csv", CSV + b"3,\xff,9,N\n")
    put("orders.xml", b"<orders>\n</order>")
    manifest = staging.stage_all(workspace)
    with pytest.raises(RefusedDelivery) as refused:
        staging.require_none_refused(manifest, "stop")
    first, second, last = str(refused.value).split("\n")
    assert first == "customers.csv, line 4: not UTF-8 (byte 0xff); save the file as UTF-8"
    assert second.startswith("orders.xml, line 2: not well-formed XML: Opening and ending tag mismatch")
    assert last.startswith("Nothing was published: ")
    assert "ON_REFUSED=skip" in last
    staging.require_none_refused(manifest, "skip")


def test_nothing_refused_lets_the_run_go_on(workspace, put):
    put("customers.csv", CSV)
    staging.require_none_refused(staging.stage_all(workspace), "stop")


@pytest.mark.parametrize("late", [b"", CSV.replace(b"Asha", b"Usha"), CSV + b"3,C,,\n"])
def test_a_file_that_changes_while_it_is_read_is_refused(workspace, put, late):
    put("customers.csv", CSV)
    path = workspace.data_dir / "customers.csv"
    manifest = staging.stage_all(workspace, lambda text: path.write_bytes(late))
    assert manifest.staged == ()
    assert manifest.refused[0].startswith("customers.csv: changed while it was read; ")
    assert staged_files(workspace) == ["manifest.json"]


def test_a_crash_leaves_no_half_file(workspace, put, monkeypatch):
    put("customers.csv", CSV)

    def crash(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        staging.stage_all(workspace, crash)
    assert staged_files(workspace) == []


def test_progress_counts_records(workspace, put, monkeypatch):
    monkeypatch.setattr(records, "BATCH_RECORDS", 1)
    put("customers.csv", CSV)
    told = []
    staging.stage_all(workspace, told.append)
    assert told == ["customers.csv: 1 records read", "customers.csv: 2 records read"]


def test_warnings_name_what_was_passed_over_and_what_was_ignored(workspace, put):
    put("orders.xml", b"<orders><order><gift/></order><order a='1'><gift/></order></orders>")
    put("incoming/x.txt", b"")
    assert staging.stage_all(workspace).passed_over == (
        "incoming/x.txt ends neither in .csv nor in .xml, so it was passed over",
        "orders.xml: ignored @a (1 times)",
        "orders.xml: ignored gift (2 times)",
    )


def test_a_delivery_without_records_is_told(workspace, put):
    put("customers.csv", CSV.partition(b"\n")[0])
    put("orders.xml", b"<orders/>")
    put("incoming/c_20251012.csv", CSV + b",,,\n")
    assert staging.stage_all(workspace).passed_over == (
        "customers.csv: 0 records",
        "orders.xml: 0 records",
        "incoming/c_20251012.csv: ignored a row without any text (1 times)",
    )


def test_warnings_are_short_whatever_the_names_and_however_many(workspace, put):
    gifts = "".join(f"<gift{n}/>" for n in range(60)) + f"<{'n' * 49_000}/>" * 2
    put("orders.xml", f"<orders><order>{gifts}</order></orders>".encode())
    rows = CSV.replace(b"region\n", "region,\u202enote\n".encode()).replace(b"North", b"North,x")
    put("customers.csv", rows.replace(b"South", b"South,y"))
    _, *found = staging.stage_all(workspace).passed_over
    assert staging.stage_all(workspace).passed_over[0] == r"customers.csv: ignored \u202enote (2 times)"
    assert len(found) == 51
    assert found[0] == f"orders.xml: ignored {'n' * 59}… (2 times)"
    assert found[-1] == "orders.xml: ignored 11 other things"


def test_names_that_are_no_plain_text_are_passed_over_with_a_warning(workspace, put):
    put("customers.csv", CSV)
    for name in (b"a_2025-11-12\xff.xml", b"b\n_2025-11-12.csv", b"c_\xe9.txt", "ü_2025-11-12.xml".encode()):
        (workspace.incoming / os.fsdecode(name)).write_bytes(XML)
    manifest = staging.stage_all(workspace)
    assert [one.name for one in manifest.staged] == ["customers.csv", "incoming/ü_2025-11-12.xml"]
    unreadable = "has a name that is not UTF-8, or has control characters, so it was passed over: rename it"
    assert manifest.warnings == (
        f"incoming/a_2025-11-12\\xff.xml {unreadable}",
        f"incoming/b\\x0a_2025-11-12.csv {unreadable}",
        "incoming/c_\\xe9.txt ends neither in .csv nor in .xml, so it was passed over",
    )
    assert staging.read_manifest(workspace) == manifest


def test_a_base_file_may_have_any_name(workspace):
    named = {}
    for setting, name in (("customers_csv_path", b"c\xff.csv"), ("orders_xml_path", b"o" * 251 + b".xml")):
        named[setting] = workspace.data_dir / os.fsdecode(name)
        named[setting].write_bytes(CSV if "csv" in setting else b"")
    manifest = staging.stage_all(workspace.model_copy(update=named))
    assert [one.name for one in manifest.staged] == ["c\\xff.csv"]
    assert manifest.refused == (f"{'o' * 251}.xml: the file is empty (0 bytes)",)


def test_tables_and_previews(workspace, put):
    sha256 = put("customers.csv", CSV + b"3,C,,\n4,D,,\n")
    manifest = staging.stage_all(workspace)
    assert staging.table(manifest).to_numpy().tolist() == [
        ["customers.csv", "customers", "", 4, sha256[:12], ""]
    ]
    assert staging.preview(workspace, manifest, "customers")["customer_id"].tolist() == ["1", "2", "3"]
    assert staging.preview(workspace, manifest, "orders").empty
    masked = workspace.model_copy(update={"mask_pii": True})
    shown = staging.preview(masked, manifest, "customers")["mobile_number"].tolist()
    assert shown == ["98xxxxxx10", "", ""]
    assert list(staging.repeated(manifest)) == ["name", "repeats"]


def test_a_delivery_without_records_has_an_empty_preview(workspace, put):
    put("customers.csv", CSV.splitlines(keepends=True)[0])
    found = staging.preview(workspace, staging.stage_all(workspace), "customers")
    assert (len(found), "customer_id" in found) == (0, True)


def test_the_manifest_is_plain_json(workspace, put):
    put("customers.csv", CSV)
    staging.stage_all(workspace)
    found = json.loads((workspace.staging / "manifest.json").read_text("utf-8"))
    assert (found["staged"][0]["name"], found["refused"], found["warnings"]) == ("customers.csv", [], [])


def test_nothing_to_read_writes_no_manifest(workspace):
    with pytest.raises(FileNotFoundError, match="no delivery found"):
        staging.stage_all(workspace)
    assert not workspace.staging.exists()
