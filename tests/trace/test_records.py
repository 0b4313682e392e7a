"""Records as they stand in a file: those that readers make, each on its line with its own text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akasa.ingest import readers
from akasa.trace import records

ORDER = (
    "<order>\n <order_id>O-{n}</order_id>\n <mobile_number>9000000001</mobile_number>\n"
    " <order_date_time>2025-11-10</order_date_time><sku_id>S&amp;{n}</sku_id>\n"
    " <sku_count>1</sku_count><total_amount>1</total_amount>\n</order>"
)
COMMENT = "<!-- <order><order_id>no order</order_id></order> -->"


def lines_of(path, kind):
    """Return (record, line, text) of a file's records, each checked against its bytes."""
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = content.decode(encoding)
    found = []
    for one in records.of_file(path, kind):
        at = text.find(one.raw, len("".join(f"{line}\n" for line in text.split("\n")[: one.line - 1])))
        assert at >= 0
        assert text.count("\n", 0, at) == one.line - 1
        found.append((one.record, one.line, one.raw))
    return found


def orders_file(path, body, head="<orders>", encoding="utf-8"):
    path.write_bytes(f"{head}\n{body}\n</orders>\n".encode(encoding))
    return path


def same_fields(path, kind):
    """Hold each record's fields against those that the road's reader gives."""
    read = readers.read_customers if kind == "customers" else readers.read_orders
    names = readers.CUSTOMER_FIELDS if kind == "customers" else readers.ORDER_FIELDS
    road = read(path).read_all().to_pylist()
    own = list(records.of_file(path, kind))
    assert [one.record for one in own] == [row["record"] for row in road]
    for one, row in zip(own, road, strict=True):
        if row["malformed"] is None:
            texts = {name: one.fields.get(name) for name in names}
            assert {name: text and text.replace("\r\n", "\n") for name, text in texts.items()} == {
                name: row[name] for name in names
            }


@pytest.mark.parametrize(
    "between", ["\n", "\r\n", f"\n{COMMENT}\n", "", "\n<!-- plain -->\n", "\n<note>x</note>\n"]
)
def test_orders_of_any_spacing_and_with_comments_that_hold_orders(tmp_path, between):
    path = orders_file(tmp_path / "o.xml", between.join(ORDER.format(n=n) for n in range(5)))
    assert [record for record, *_ in lines_of(path, "orders")] == [1, 2, 3, 4, 5]
    same_fields(path, "orders")


def test_odd_orders_nested_empty_prefixed_and_with_attributes(tmp_path):
    one = ORDER.format(n=1)
    nested = one.replace("</order>", f"{ORDER.format(n=2)}</order>")
    odd = [one, nested, "<order/>", one.replace("<order>", "<order id='7'>"), "<order ></order >", one]
    path = orders_file(tmp_path / "o.xml", "\n".join(odd))
    assert [text for *_, text in lines_of(path, "orders")] == odd
    same_fields(path, "orders")
    prefixed = one.replace("</", "</x:").replace("\n <", "\n <x:").replace("<order>", "<x:order>")
    prefixed = prefixed.replace("><sku_id", "><x:sku_id").replace("><total", "><x:total")
    path = tmp_path / "p.xml"
    path.write_text(f'<x:orders xmlns:x="u">\n{prefixed}\n</x:orders>')
    assert len(lines_of(path, "orders")) == 1
    same_fields(path, "orders")


def test_an_xml_in_utf_16(tmp_path):
    head = '<?xml version="1.0" encoding="UTF-16"?>\n<orders>'
    path = orders_file(tmp_path / "o.xml", ORDER.format(n="₹"), head, "utf-16")
    ((record, line, text),) = lines_of(path, "orders")
    assert (record, line, text) == (1, 3, ORDER.format(n="₹"))
    same_fields(path, "orders")


def test_windows_cut_no_order_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "WINDOW", 1_000)
    body = "\n".join(ORDER.format(n=n) for n in range(40))
    path = orders_file(tmp_path / "o.xml", body.replace("S&amp;7<", "S&amp;7<!-- --><"))
    assert [record for record, *_ in lines_of(path, "orders")] == [*range(1, 41)]


def test_customers_with_quoted_line_breaks_blank_rows_and_faults(tmp_path):
    rows = [
        "customer_id,customer_name,mobile_number,region",
        'C-1,"Asha\nRao",9000000001,North',
        "",
        ",,,",
        "C-2,Bina, Rao,9000000002,South",
        'C-3,"Chi"tra,9000000003,East',
        'C-4,"Dev, R",9000000004,West',
    ]
    path = tmp_path / "c.csv"
    path.write_bytes("\r\n".join(rows).encode("utf-8-sig").replace(b"Asha\r\n", b"Asha\n"))
    assert [(record, line) for record, line, _ in lines_of(path, "customers")] == [
        (1, 2),
        (2, 6),
        (3, 7),
        (4, 8),
    ]
    same_fields(path, "customers")


@given(st.sets(st.integers(1, 12), max_size=5))
def test_records_of_some_numbers_are_those_of_all(tmp_path_factory, numbers):
    path = orders_file(
        tmp_path_factory.mktemp("some") / "o.xml", "".join(ORDER.format(n=n) for n in range(12))
    )
    every = [one for one in records.of_xml(path) if one.record in numbers]
    assert [*records.of_xml(path, numbers)] == every
