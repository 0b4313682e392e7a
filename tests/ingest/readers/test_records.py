import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from akasa.ingest import readers
from akasa.ingest.readers import CUSTOMER_FIELDS, RefusedDelivery, records

HEADER = b"customer_id,customer_name,mobile_number,region\n"
SHAPE = records.schema(["text"])


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "the file is empty (0 bytes)"),
        (gzip.compress(b"<orders/>", mtime=0), "the file is gzip-compressed; deliver it as plain .xml"),
        (b"%PDF-1.7", "the file is a PDF; deliver it as plain .xml"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "the file is an old Excel workbook; deliver it as plain .xml"),
    ],
)
def test_other_formats_are_refused_by_their_first_bytes(content, cause):
    with pytest.raises(RefusedDelivery) as refused:
        records.refuse_other_formats(Path("o.xml"), io.BytesIO(content))
    assert (refused.value.name, refused.value.line, refused.value.cause) == ("o.xml", None, cause)


def test_what_is_not_refused_is_read_from_its_beginning():
    stream = io.BytesIO(b"<orders/>")
    records.refuse_other_formats(Path("o.xml"), stream)
    assert stream.read() == b"<orders/>"


def test_archives_of_both_kinds_are_refused(customers, orders, refusal):
    assert refusal(customers, zipped(HEADER)) == (None, "the file is a zip archive; deliver it as plain .csv")
    assert refusal(orders, zipped("<orders/>")) == (
        None,
        "the file is a zip archive; deliver it as plain .xml",
    )


def test_a_refusal_names_file_line_and_cause():
    assert str(RefusedDelivery("c.csv", 7, "why")) == "c.csv, line 7: why"
    assert str(RefusedDelivery("c.csv", None, "why")) == "c.csv: why"


def test_records_are_numbered_on_through_batches(customers, orders, monkeypatch):
    monkeypatch.setattr(records, "BATCH_RECORDS", 2)
    rows = b"".join(b"%d,a,9,N\n" % n for n in range(1, 6))
    assert [one["customer_id"] for one in customers(HEADER + rows)[0]] == ["1", "2", "3", "4", "5"]
    wrapped = "<orders>" + "<order>a</order>" * 5 + "</orders>"
    assert [one["record"] for one in orders(wrapped)[0]] == [1, 2, 3, 4, 5]


def test_batches_come_before_the_file_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BATCH_RECORDS", 10)
    path = tmp_path / "file"
    path.write_bytes(HEADER + b"1,a,9,N\n" * 4_000 + b"\xff")
    assert_streams(readers.read_customers(path), "line 4002: not UTF-8")
    path.write_bytes(b"<orders>\n" + b"<order><sku_id>1</sku_id></order>\n" * 4_000 + b"</order>")
    assert_streams(readers.read_orders(path), "line 4002: not well-formed")


def assert_streams(batches, cause):
    assert [batches.read_next_batch().num_rows for _ in range(100)] == [10] * 100
    with pytest.raises(RefusedDelivery, match=cause):
        batches.read_all()


def test_every_batch_has_the_same_schema(tmp_path):
    (tmp_path / "c.csv").write_bytes(HEADER)
    batches = readers.read_customers(tmp_path / "c.csv")
    assert batches.schema == records.schema(CUSTOMER_FIELDS) == batches.read_all().schema
    assert batches.schema.names == ["record", *CUSTOMER_FIELDS, "malformed", "raw"]
    assert [str(kind) for kind in batches.schema.types] == ["int64"] + ["string"] * 6


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("x" * 50, [64]),
        ("x" * 1_000, [9] * 7 + [1]),
        ("😀" * 250, [9] * 7 + [1]),
        ("😀" + "x" * 249, [9] * 7 + [1]),  # in memory an x beside it takes four bytes, too
        ("x" * 20_000, [1] * 64),
    ],
    ids=["short", "long", "four bytes", "four bytes beside", "longer than a batch"],
)
@pytest.mark.parametrize("of_a_fault", [True, False])
def test_batches_end_where_their_text_is_long(monkeypatch, text, sizes, of_a_fault):
    """Each takes the bytes of its text and a few more: nine of 1,000 pass 9,000."""
    monkeypatch.setattr(records, "BATCH_BYTES", 9_000)
    fresh = (text[:1] + text[1:] for _ in range(64))  # no two records share their text
    rows = ((1, None, "why", one) if of_a_fault else (1, one, None, None) for one in fresh)
    assert [batch.num_rows for batch in records.batches(rows, SHAPE)] == sizes


def of_rows(count, first=0, letters=1):
    return records.batch(
        [range(first, first + count), ["x" * letters] * count, [None] * count, [None] * count], SHAPE
    )


@pytest.mark.parametrize(
    ("sizes", "even"),
    [
        ([], []),
        ([0, 0], []),
        ([3], [3]),
        ([4], [4]),
        ([1, 1, 1, 1, 1], [4, 1]),
        ([9, 0, 2], [4, 4, 3]),
        ([3, 6, 3], [4, 4, 4]),
    ],
)
def test_uneven_batches_are_joined_and_cut(monkeypatch, sizes, even):
    monkeypatch.setattr(records, "BATCH_RECORDS", 4)
    uneven = [of_rows(size, sum(sizes[:place])) for place, size in enumerate(sizes)]
    evened = list(records.evened(uneven))
    assert [batch.num_rows for batch in evened] == even
    assert pa.Table.from_batches(evened, SHAPE)["record"].to_pylist() == list(range(sum(sizes)))


def test_uneven_batches_of_long_text_are_not_kept_waiting(monkeypatch):
    monkeypatch.setattr(records, "BATCH_BYTES", 1_000)
    evened = records.evened(of_rows(1, letters=400) for _ in range(7))
    assert [batch.num_rows for batch in evened] == [3, 3, 1]
