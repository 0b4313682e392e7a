"""A repair's marks: read beside its records, which are judged as if they were not there."""

from pathlib import Path

import pytest

from akasa.ingest.readers import customers_csv, marks, read_customers, read_orders, where

HEADER = "customer_id,customer_name,mobile_number,region\n"
ROWS = [
    "C-1,Asha,9000000001,North",
    '"C-2","As""ha",9000000002,"No\nrth"',
    "C-3,too,many,fields,here",
    "few",
    '"C-4"x,a,b,c',
    "C-5,NUL\0,1,2",
    ",,,",
    '"a\nb\nc\nd",x,1,2',
    '"a,b,c\nd",x,1,2',
]
MARKS = ["orders.xml#1", '"a, b.csv#2"', "", "x#4", "x#5", "x#6", "x#7", "x#8", "x#9"]


def test_rows_are_judged_as_if_the_column_of_marks_were_not_there(tmp_path: Path) -> None:
    plain, repair = tmp_path / "plain.csv", tmp_path / "repair.csv"
    plain.write_text(HEADER + "\n".join(ROWS) + "\n", newline="")
    marked = "\n".join(f"{mark},{row}" for mark, row in zip(MARKS, ROWS, strict=True))
    repair.write_text(f"\ufeffakasa_repairs,{HEADER}{marked}\n", newline="")
    assert read_customers(repair).read_all().equals(read_customers(plain).read_all())
    blank = ROWS.index(",,,")
    said = [mark.strip('"') for place, mark in enumerate(MARKS) if place != blank]
    numbered = enumerate(said, 1)
    assert list(customers_csv.read_marks(repair)) == [(n, mark) for n, mark in numbered if mark]
    assert list(customers_csv.read_marks(plain)) == []
    assert [text for _, _, text in customers_csv.texts(repair)] == [
        text for _, _, text in customers_csv.texts(plain)
    ]


def test_of_orders_the_mark_is_an_element_that_readers_ignore(tmp_path: Path) -> None:
    file = tmp_path / "repair.xml"
    one, bad = "<order_id>1</order_id>", "<sku_id>1</sku_id><sku_id>2</sku_id>"
    file.write_text(
        f"<orders><order><akasa_repairs> a.xml#1 </akasa_repairs>{one}</order><order>{one}</order>"
        f"<order>{bad}<akasa_repairs>a.xml#2</akasa_repairs></order>"
        f"<order><akasa_repairs></akasa_repairs>{one}</order></orders>"
    )
    assert list(marks.of_orders(file)) == [(1, "a.xml#1"), (3, "a.xml#2")]
    assert read_orders(file).read_all()["order_id"].to_pylist() == ["1", "1", None, "1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_line_of_an_order_is_that_of_its_start_tag(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.xml"
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<!-- <order> -->\n<orders>\n<order>\n'
        "<order_id>é</order_id></order><batch>\n<order>\n<order/></order></batch>\n"
        "<x:order xmlns:x='y'/>\n</orders>"
    )
    file.write_bytes(text.encode(encoding))
    assert len(read_orders(file).read_all()) == 3
    assert where.lines(file, "orders", {1, 2, 3}) == {1: 4, 2: 6, 3: 8}
    assert where.lines(file, "orders", {2}) == {2: 6}


def test_the_line_of_a_customer_is_the_first_of_its_row(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(f'\n{HEADER}\n1,"a\nb",2,3\n,,,\n4,5,6,7\n')
    assert where.lines(file, "customers", {1, 2}) == {1: 4, 2: 7}
    assert where.rows(file, {2}) == {0: (2, HEADER.strip()), 2: (7, "4,5,6,7")}
