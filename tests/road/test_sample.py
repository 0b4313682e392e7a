"""The bundled sample and its later day keep the shape of the daily feed, byte for byte."""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from lxml import etree

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
BASE = (ROOT / "data" / "customers.csv", ROOT / "data" / "orders.xml")
LATER = (
    TESTS / "data" / "incoming" / "customers_2025-11-12.csv",
    TESTS / "data" / "incoming" / "orders_2025-11-12.xml",
)
FIELDS = ["order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount"]

both_customers = pytest.mark.parametrize("path", [BASE[0], LATER[0]], ids=lambda path: path.name)
both_orders = pytest.mark.parametrize("path", [BASE[1], LATER[1]], ids=lambda path: path.name)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def lines_of(path: Path) -> list[tuple[str, ...]]:
    root = etree.parse(path).getroot()
    return [tuple(order.findtext(field) for field in FIELDS) for order in root.iterchildren("order")]


@both_customers
def test_customers_are_crlf_with_the_header_and_ids_of_the_feed(path: Path) -> None:
    text = path.read_bytes()
    assert text.endswith(b"\r\n")
    assert text.count(b"\r\n") == text.count(b"\n") == text.count(b"\r")
    header, *rows = rows_of(path)
    assert header == ["customer_id", "customer_name", "mobile_number", "region"]
    assert all(re.fullmatch(r"CUST-\d{3}", row[0]) for row in rows)


@both_orders
def test_orders_are_flat_lines_with_comments_and_no_declaration(path: Path) -> None:
    text = path.read_bytes()
    assert text.startswith(b"<orders>\n")
    assert b"\r" not in text
    root = etree.fromstring(text)
    assert [node for node in root if isinstance(node, etree._Comment)]
    for order in root.iterchildren("order"):
        assert [child.tag for child in order] == FIELDS
        assert re.fullmatch(r"ORD-2025-\d{4}", order[0].text)
        assert re.fullmatch(r"SKU-\d{4}", order[3].text or "SKU-0000")


def test_a_comment_holds_the_end_tag_of_an_order() -> None:
    comments = [node.text for node in etree.parse(BASE[1]).getroot().iterchildren(etree.Comment)]
    assert any("</order>" in comment for comment in comments)
    assert BASE[1].read_text().count("</order>") == len(lines_of(BASE[1])) + 1


def test_four_lines_of_one_order_repeat_its_total() -> None:
    lines = [line for line in lines_of(BASE[1]) if line[5] == "8930"]
    assert len(lines) == 4
    assert {line[0] for line in lines} == {"ORD-2025-0019"}
    assert len({line[3] for line in lines}) == 4


def test_records_and_their_exact_repeats() -> None:
    assert (len(rows_of(BASE[0])) - 1, len(lines_of(BASE[1]))) == (23, 77)
    assert [row[0] for row, n in Counter(map(tuple, rows_of(BASE[0]))).items() if n > 1] == ["CUST-007"]
    assert [line[0] for line, n in Counter(lines_of(BASE[1])).items() if n > 1] == ["ORD-2025-0005"]


def test_the_bad_records_stand_where_the_documents_say() -> None:
    rows, lines = rows_of(BASE[0])[1:], lines_of(BASE[1])
    assert [(n, row[0]) for n, row in enumerate(rows, 1) if len(row) != 4] == [(22, "CUST-022")]
    assert [(n, row[0]) for n, row in enumerate(rows, 1) if not row[2]] == [(16, "CUST-021")]
    assert [(n, line[0]) for n, line in enumerate(lines, 1) if line[4] == "abc"] == [(12, "ORD-2025-0006")]
    assert [(n, line[0]) for n, line in enumerate(lines, 1) if not line[3]] == [(26, "ORD-2025-0012")]
    assert [(n, line[0]) for n, line in enumerate(lines, 1) if "02-30" in line[2]] == [(60, "ORD-2025-0026")]
    totals = defaultdict(set)
    for line in lines:
        totals[line[0]].add(line[5])
    assert {order: found for order, found in totals.items() if len(found) > 1} == {
        "ORD-2025-0017": {"7830", "7380"}
    }


def test_variations_that_cleaning_must_see_through() -> None:
    customers, orders = BASE[0].read_text(), BASE[1].read_text()
    for variation in ("+91 88612 90457", "Rohan  Bhatia", ",west\n", ",North \n", '"Fernandes, Joanna"'):
        assert customers.count(variation) == 1
    for variation in (">1,05,000<", ">2025-09-30T20:45:00Z<", "+05:30<"):
        assert variation in orders


def test_the_later_day_corrects_moves_and_recycles() -> None:
    old, new = ({row[0]: row for row in rows_of(path)[1:]} for path in (BASE[0], LATER[0]))
    assert (old["CUST-009"][3], new["CUST-009"][3]) == ("East", "Central")
    assert new["CUST-024"][2] == old["CUST-018"][2]
    assert new.keys() - old.keys() == {"CUST-023", "CUST-024"}
    before, after = ({line[0]: line for line in lines_of(path)} for path in (BASE[1], LATER[1]))
    assert before.keys() & after.keys() == {"ORD-2025-0031"}
    assert (before["ORD-2025-0031"][5], after["ORD-2025-0031"][5]) == ("10150", "9100")
    assert len(after) == 5
