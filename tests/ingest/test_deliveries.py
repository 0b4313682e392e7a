import hashlib
import os
from datetime import date

import pytest

from akasa.ingest import deliveries
from akasa.workspace import settings


def put(workspace, *names, content=None):
    for name in names:
        path = workspace.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or name.encode())


def names(workspace):
    return [delivery.name for delivery in deliveries.find(workspace).deliveries]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("orders_2025-11-12.xml", date(2025, 11, 12)),
        ("20251112.csv", date(2025, 11, 12)),
        ("a20240229b20250101.csv", date(2024, 2, 29)),
        ("a_2025-02-29_20250301.csv", date(2025, 3, 1)),
        ("v1_0000-01-01_2025-01-02.xml", date(2025, 1, 2)),
        ("customers.csv", None),
        ("20251399.xml", None),
        ("2025-1112.xml", None),
        ("202511-12.xml", None),
        ("2025-11-123.xml", None),
        ("120251112.xml", None),
        ("20251112093000.xml", None),
        ("12-11-2025.xml", None),
        ("٢٠٢٥١١١٢.xml", None),
    ],
)
def test_date_in_name(name, day):
    assert deliveries.date_in_name(name) == day


def test_order_of_deliveries(workspace):
    put(workspace, "orders.xml", "customers.csv")
    incoming = ["z_2025-10-12.csv", "b_20251013.xml", "a-2025-10-13.csv", "x_20251340.csv", "a.XML"]
    put(workspace, *(f"incoming/{name}" for name in incoming))
    found = deliveries.find(workspace)
    assert [(one.name, one.kind, one.rank, one.date) for one in found.deliveries] == [
        ("customers.csv", "customers", 0, None),
        ("orders.xml", "orders", 0, None),
        ("incoming/z_2025-10-12.csv", "customers", 1, date(2025, 10, 12)),
        ("incoming/a-2025-10-13.csv", "customers", 1, date(2025, 10, 13)),
        ("incoming/b_20251013.xml", "orders", 1, date(2025, 10, 13)),
        ("incoming/a.XML", "orders", 2, None),
        ("incoming/x_20251340.csv", "customers", 2, None),
    ]
    assert found.warnings == ()
    assert found.deliveries[0].sha256 == hashlib.sha256(b"customers.csv").hexdigest()
    assert found.deliveries[0].path == workspace.data_dir / "customers.csv"


def test_position_sorts_by_rank_day_name_and_revision():
    places = [
        (0, "2030-01-01", "orders.xml", 0),
        (1, "2025-10-12", "incoming/a", 0),
        (1, "2025-10-12", "incoming/a", 2),
        (1, "2025-10-12", "incoming/a", 10),
        (1, "2025-10-12", "incoming/a b", 0),
        (1, "2025-10-13", "incoming/a", 0),
        (2, None, "incoming/a", 0),
    ]
    positions = [deliveries.position(*place) for place in places]
    assert positions == sorted(positions)
    assert [deliveries.revision(position) for position in positions] == [0, 0, 2, 10, 0, 0, 0]


def test_unfinished_and_hidden_files_are_passed_over_in_silence(workspace):
    put(
        workspace,
        "orders.xml",
        "incoming/.a.csv",
        "incoming/b.csv.part",
        "incoming/c.TMP",
        "incoming/.gitkeep",
    )
    found = deliveries.find(workspace)
    assert ([one.name for one in found.deliveries], found.warnings) == (["orders.xml"], ())


def test_links_folders_and_other_files_are_named(workspace):
    put(workspace, "orders.xml", "incoming/a.txt", "incoming/folder.csv/b.csv")
    (workspace.incoming / "link.csv").symlink_to(workspace.orders_xml)
    (workspace.incoming / "loose.xml").symlink_to("nowhere")
    (workspace.data_dir / "customers.csv").symlink_to(workspace.orders_xml)
    os.mkfifo(workspace.incoming / "pipe.csv")
    found = deliveries.find(workspace)
    assert [one.name for one in found.deliveries] == ["orders.xml"]
    link = "is a symbolic link, not a delivery: put the file itself there"
    assert found.warnings == (
        f"customers.csv {link}",
        "incoming/a.txt ends neither in .csv nor in .xml, so it was passed over",
        "incoming/folder.csv is not a file, so it was passed over",
        f"incoming/link.csv {link}",
        f"incoming/loose.xml {link}",
        "incoming/pipe.csv is not a file, so it was passed over",
    )


def test_the_same_bytes_under_other_names_are_repeats(workspace):
    put(workspace, "incoming/b_20251013.csv", "incoming/a_20251014.csv", "incoming/z.csv", content=b"same")
    put(workspace, "incoming/other.csv")
    found = deliveries.find(workspace).deliveries
    again = {hashlib.sha256(b"same").hexdigest(): ["incoming/a_20251014.csv", "incoming/z.csv"]}
    assert deliveries.repeats(found) == again


def test_base_files_may_lie_elsewhere_under_any_name(workspace, monkeypatch, tmp_path):
    (tmp_path / "people.txt").write_bytes(b"people")
    (tmp_path / "o_20251013.xml").symlink_to(tmp_path / "people.txt")
    monkeypatch.setenv("CUSTOMERS_CSV_PATH", str(tmp_path / "people.txt"))
    monkeypatch.setenv("ORDERS_XML_PATH", str(tmp_path / "o_20251013.xml"))
    monkeypatch.setenv("INCOMING_DIR", str(tmp_path / "drop"))
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop/new.csv").write_bytes(b"new")
    put(workspace, "customers.csv", "incoming/ignored.csv")
    found = deliveries.find(settings.load())
    assert [(one.name, one.kind, one.rank, one.date) for one in found.deliveries] == [
        ("o_20251013.xml", "orders", 0, date(2025, 10, 13)),
        ("people.txt", "customers", 0, None),
        ("incoming/new.csv", "customers", 2, None),
    ]


@pytest.mark.parametrize("there", ["nothing", "a file"])
def test_an_incoming_folder_that_is_named_must_be_there(workspace, monkeypatch, tmp_path, there):
    put(workspace, "customers.csv")
    monkeypatch.setenv("INCOMING_DIR", str(tmp_path / "drop"))
    if there == "a file":
        (tmp_path / "drop").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="drop is not a folder that is there: mend INCOMING_DIR"):
        deliveries.find(settings.load())


def test_an_incoming_folder_that_is_not_named_may_be_absent(workspace):
    put(workspace, "customers.csv")
    workspace.incoming.rmdir()
    assert len(deliveries.find(workspace).deliveries) == 1


def test_a_base_file_that_is_not_named_may_be_absent(workspace):
    put(workspace, "incoming/a.csv")
    assert names(workspace) == ["incoming/a.csv"]


def test_no_incoming_folder_is_no_fault(workspace):
    put(workspace, "customers.csv")
    workspace.incoming.rmdir()
    assert names(workspace) == ["customers.csv"]


def test_a_named_base_file_that_is_absent_is_refused(workspace, monkeypatch):
    put(workspace, "incoming/a.csv")
    monkeypatch.setenv("ORDERS_XML_PATH", "/nowhere/o.xml")
    with pytest.raises(FileNotFoundError, match=r"/nowhere/o\.xml is not there: mend .*ORDERS_XML_PATH"):
        deliveries.find(settings.load())


def test_nothing_at_all_says_where_to_put_files(workspace):
    with pytest.raises(FileNotFoundError) as failure:
        deliveries.find(workspace)
    assert f"customers.csv and orders.xml into {workspace.data_dir}" in str(failure.value)
    assert str(workspace.incoming) in str(failure.value)
