import hashlib
import os
import sqlite3
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lib import reference

from akasa.ingest import deliveries
from akasa.stores.models import DELIVERIES
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
        ("٢٠٢٥١١١٢.xml", None),
        ("orders_2025_11_12.xml", date(2025, 11, 12)),
        ("2025-11_12.xml", None),
        ("2025_1112.xml", None),
        ("20251112T0930.xml", date(2025, 11, 12)),
        ("20251112_0930.xml", date(2025, 11, 12)),
        ("202511120930.xml", date(2025, 11, 12)),
        ("20251112093000.xml", date(2025, 11, 12)),
        ("20251112093000123.xml", date(2025, 11, 12)),
        ("2025-11-12T09-30.xml", date(2025, 11, 12)),
        ("2025_11_12 09.30.15Z.xml", date(2025, 11, 12)),
        ("20251112240000.xml", None),
        ("20251112096000.xml", None),
        ("1712051200.xml", None),
        ("12-11-2025.xml", date(2025, 11, 12)),
        ("orders-12.11.2025.xml", date(2025, 11, 12)),
        ("31-12-11-2025.xml", date(2025, 11, 12)),
        ("11-13-2025.xml", None),
        ("12-11.2025.xml", None),
        ("12-11-25.xml", None),
        ("112-11-2025.xml", None),
        ("12-Nov-2025.xml", date(2025, 11, 12)),
        ("12-NOVEMBER-2025.xml", date(2025, 11, 12)),
        ("09-sept-2025.xml", date(2025, 9, 9)),
        ("12-nix-2025.xml", None),
        ("30-Feb-2025.xml", None),
        ("2025-11-01_to_2025-11-07.xml", date(2025, 11, 7)),
        ("20251101-20251107.xml", date(2025, 11, 7)),
        ("2025_11_01_2025_11_07.xml", date(2025, 11, 7)),
        ("01-11-2025 - 07-11-2025.xml", date(2025, 11, 7)),
        ("01-Nov-2025 till 2025-11-07.xml", date(2025, 11, 7)),
        ("20251101T0930_to_20251107T0930.xml", date(2025, 11, 7)),
        ("2025-11-01T09-30Z--2025-11-07T09-30Z.xml", date(2025, 11, 7)),
        ("20251101000000-20251107235959.xml", date(2025, 11, 7)),
        ("20251107-20251101.xml", date(2025, 11, 7)),
        ("2025-11-01_to_2025-11-07_sent_2025-11-09.xml", date(2025, 11, 7)),
        ("2025-11-12_of_2025-11-14.xml", date(2025, 11, 12)),
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
    assert found.deliveries[0].sha256 == hashlib.sha256(b"customers.csv").hexdigest()
    assert found.deliveries[0].path == workspace.data_dir / "customers.csv"


def test_an_incoming_name_without_a_day_is_told_where_it_stands(workspace):
    put(workspace, "orders.xml", "incoming/o_2025-11-12.xml", "incoming/o_2025-11-31.xml", "incoming/z.txt")
    assert deliveries.find(workspace).warnings == (
        "incoming/o_2025-11-31.xml has no day in its name that is understood, "
        "so it stands behind all dated ones: put its day there",
        "incoming/z.txt ends neither in .csv nor in .xml, so it was passed over",
    )


@given(
    st.dates(date(1000, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%Y_%m_%d", "%Y%m%d", "%d-%m-%Y", "%d.%m.%Y", "%d-%b-%Y", "%d-%B-%Y"]),
    st.sampled_from(["", "orders_", "c", "1_", "Mai "]),
    st.sampled_from(["", "_v2", " (1)", "-corrected", "T0930"]),
)
def test_a_day_is_read_back_in_every_form(day, form, before, behind):
    assert deliveries.date_in_name(f"{before}{day.strftime(form)}{behind}.xml") == day


def test_position_sorts_by_rank_day_name_and_revision():
    places = [
        (0, None, "customers", 0),
        (0, None, "customers", 10),
        (0, None, "orders", 0),
        (1, "2025-10-12", "incoming/a.csv", 0),
        (1, "2025-10-12", "incoming/a.csv", 2),
        (1, "2025-10-12", "incoming/a.csv", 10),
        (1, "2025-10-12", "incoming/a b.csv", 0),
        (1, "2025-10-13", "incoming/a.csv", 0),
        (2, None, "incoming/a.csv", 0),
    ]
    positions = [deliveries.position(*place) for place in places]
    assert positions == sorted(positions)


OF_A_DAY = [
    "orders_2025-11-12",
    "Orders_2025-11-12 (1)",
    "orders_2025-11-12 (2)",
    "orders_2025-11-12 (10)",
    "ORDERS_2025-11-12 copy",
    "orders_2025-11-12-corrected",
    "orders_2025-11-12.v2",
    "orders_2025-11-12_1",
    "orders_2025-11-12_9",
    "orders_2025-11-12_10",
    "orders_2025-11-12_V2",
    "orders_2025-11-12T0930",
    "orders_2025-11-13",
    "orders_2025-11-120930",
    "orders_20251112",
    "orders_202511120930",
    "returns_2025-11-12",
]


def placed(stem, ending=".xml"):
    return deliveries.position(1, "2025-11-12", f"incoming/{stem}{ending}", 0)


def test_names_of_a_day_stand_by_number_and_what_extends_one_behind_it():
    positions = [placed(stem) for stem in OF_A_DAY]
    assert positions == sorted(positions)


# Names as file systems have them: any text of 255 bytes at most, and many that are nearly equal.
PARTS = st.sampled_from(
    ["a", "A", "b", "0", "00", "9", "10", "_", " ", "(", ":", "[", "É", "é", "Σ", "İ", "\t"]
)
NAMES = st.lists(PARTS | st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
NAMES = NAMES.map("".join).filter(lambda name: len(name.encode()) <= 251)


def slowly_compared(name):
    return [(chr(0x2400 + ord(p)) if p < " " else p, n) for p, n in reference.name_order(name)]


@given(st.lists(NAMES, min_size=2, max_size=6))
def test_order_of_positions_is_the_order_of_names(stems):
    by_position = [slowly_compared(f"{stem}.xml") for stem in sorted(stems, key=placed)]
    assert by_position == sorted(by_position)
    assert len({placed(stem) for stem in stems}) == len(set(stems))


@given(NAMES, NAMES)
def test_what_extends_a_name_stands_behind_it(stem, more):
    assert placed(stem, ".XML") < placed(f"{stem}{more}")


@given(NAMES, NAMES)
def test_stores_compare_positions_as_python_does(one, other):
    sqlite = sqlite3.connect(":memory:").execute("select ? < ?", (placed(one), placed(other))).fetchone()[0]
    assert (placed(one) < placed(other)) == (placed(one).encode() < placed(other).encode()) == bool(sqlite)


LONGEST = [
    "1a" * 127,
    "10a" * 85,
    "9" * 255,
    "999Z" * 63,
    "İ" * 127,
    "1" * 26 + "a" * 229,
    "😀" * 63,
    "_" * 255,
]


@pytest.mark.parametrize("name", LONGEST, ids=range(len(LONGEST)))
def test_a_position_fits_its_column(name):
    (column,) = (column for column in DELIVERIES.c if column.name == "position")
    for whole in (name, f"{name[:-4]}.csv"):
        assert len(deliveries.position(1, "2025-11-12", whole, 999_999)) <= column.type.length == 400


@given(NAMES)
def test_a_position_of_any_name_fits_its_column(stem):
    assert len(deliveries.position(1, "2025-11-12", f"incoming/{stem}.xml", 0)) <= 400


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
    put(workspace, "incoming/no_repeat.xml", content=b"same")
    put(workspace, "incoming/other.csv")
    found = deliveries.find(workspace).deliveries
    key = ("customers", hashlib.sha256(b"same").hexdigest())
    again = {key: ["incoming/a_20251014.csv", "incoming/z.csv"]}
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
        ("people.txt", "customers", 0, None),
        ("o_20251013.xml", "orders", 0, date(2025, 10, 13)),
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
