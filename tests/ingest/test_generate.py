"""Generated deliveries: the same bytes for a seed, whole-order totals, bounded memory, dosed dirt."""

import csv
import hashlib
import re
import tracemalloc
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from akasa.ingest.generate import CUSTOMER_DIRT, ORDER_DIRT, Dirt, generate

FIELDS = ["order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount"]


def lines_of(directory: Path) -> list[dict[str, str]]:
    root = etree.parse(directory / "orders.xml").getroot()
    return [{child.tag: child.text or "" for child in order} for order in root.iter("order")]


def rows_of(directory: Path) -> list[list[str]]:
    with (directory / "customers.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def digests(directory: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())]


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate(tmp_path / name, orders=6_000, customers=5_500, seed=seed, dirty=0.05)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert not set(digests(tmp_path / "a")) & set(digests(tmp_path / "c"))


def test_clean_delivery_has_the_numbers_asked_for(tmp_path: Path) -> None:
    generate(tmp_path, orders=12_345, customers=5_432, seed=1, dirty=0)
    lines, rows = lines_of(tmp_path), rows_of(tmp_path)
    assert len({line["order_id"] for line in lines}) == 12_345
    assert 1.9 < len(lines) / 12_345 < 2.1
    assert {row[0] for row in rows} == {f"CUST-{n:03d}" for n in range(1, 5_433)}
    assert len({row[2] for row in rows}) == len(rows) == 5_432
    assert all(re.fullmatch(r"[6-9]\d{9}", row[2]) for row in rows)


def test_lines_have_the_daily_feed_shape(tmp_path: Path) -> None:
    generate(tmp_path, orders=2_000, customers=100, seed=1, dirty=0)
    forms = [
        r"ORD-2025-\d{7}",
        r"[6-9]\d{9}",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        r"SKU-\d{4}",
        r"[1-9]",
        r"[1-9]\d*",
    ]
    for line in lines_of(tmp_path):
        assert list(line) == FIELDS
        assert all(re.fullmatch(form, line[field]) for form, field in zip(forms, FIELDS, strict=True)), line
    assert not (tmp_path / "orders.xml").read_bytes().startswith(b"<?xml")
    assert b"<!--" in (tmp_path / "orders.xml").read_bytes()


def test_every_line_of_an_order_repeats_its_one_total_and_brings_another_sku(tmp_path: Path) -> None:
    generate(tmp_path, orders=3_000, customers=100, seed=2, dirty=0)
    orders = defaultdict(list)
    for line in lines_of(tmp_path):
        orders[line["order_id"]].append(line)
    assert {len(lines) for lines in orders.values()} == {1, 2, 3, 4}
    for lines in orders.values():
        assert (
            len({(line["mobile_number"], line["order_date_time"], line["total_amount"]) for line in lines})
            == 1
        )
        assert len({line["sku_id"] for line in lines}) == len(lines)


def test_total_is_the_sum_over_the_whole_order(tmp_path: Path) -> None:
    generate(tmp_path, orders=500, customers=10, seed=2, dirty=0)
    wanted, stated = Counter[str](), {}
    for line in lines_of(tmp_path):
        price = 350 + 25 * (int(line["sku_id"].removeprefix("SKU-")) - 1001)
        wanted[line["order_id"]] += int(line["sku_count"]) * price
        stated[line["order_id"]] = int(line["total_amount"])
    assert stated == dict(wanted)


def test_times_rise_over_the_days_up_to_the_end(tmp_path: Path) -> None:
    generate(tmp_path, orders=4_000, customers=10, seed=3, dirty=0, days=31, ending=date(2024, 3, 1))
    times = [line["order_date_time"] for line in lines_of(tmp_path)]
    assert times == sorted(times)
    assert (times[0][:10], times[-1][:10]) == ("2024-01-31", "2024-03-01")
    assert len({time[:10] for time in times}) == 31


def test_buyers_are_skewed_and_one_order_in_a_hundred_is_unmatched(tmp_path: Path) -> None:
    generate(tmp_path, orders=20_000, customers=4_000, seed=4, dirty=0)
    known = {row[2] for row in rows_of(tmp_path)}
    orders = {line["order_id"]: line["mobile_number"] for line in lines_of(tmp_path)}
    per_customer = Counter(mobile for mobile in orders.values() if mobile in known)
    assert 0.005 < 1 - per_customer.total() / len(orders) < 0.015
    assert len(per_customer) > 0.9 * len(known)
    assert max(per_customer.values()) > 10 * per_customer.total() / len(known)


@pytest.mark.parametrize(("orders", "customers"), [(0, 0), (0, 3), (3, 0)])
def test_nothing_is_a_valid_number(tmp_path: Path, orders: int, customers: int) -> None:
    generate(tmp_path / "new" / "folder", orders=orders, customers=customers, seed=1, dirty=0)
    assert len(rows_of(tmp_path / "new" / "folder")) == customers
    assert len({line["order_id"] for line in lines_of(tmp_path / "new" / "folder")}) == orders


@pytest.mark.parametrize(
    "wrong", [{"orders": -1}, {"customers": -1}, {"seed": -1}, {"dirty": -0.1}, {"dirty": 1.1}, {"days": 0}]
)
def test_senseless_arguments_are_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        generate(tmp_path / "out", **{"orders": 1, "customers": 1, "seed": 1, **wrong})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def touched(clean: str, dirty: str, record: str) -> int:
    """How many ids (group 1 of the pattern) do not have exactly the records that they had."""
    before, after = defaultdict(Counter[str]), defaultdict(Counter[str])
    for text, ids in ((clean, before), (dirty, after)):
        for match in re.finditer(record, text):
            ids[match[1]][match[0]] += 1
    return sum(records != after[key] for key, records in before.items())


@pytest.mark.parametrize(
    ("dirty", "low", "high"), [(0, 0, 0), (0.01, 25, 75), (0.2, 900, 1_100), (1, 5_000, 5_000)]
)
@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("customers", r"(CUST-\d+)(?:-B)?,.*"),
        ("orders", r"(?s)<order>\s*<order_id>(.*?)</order_id>.*?</order>"),
    ],
)
def test_dirty_share_breaks_that_share(
    tmp_path: Path, name: str, record: str, dirty: float, low: int, high: int
) -> None:
    numbers = {"orders": 0, "customers": 0, name: 5_000}  # one batch: the same clean text under every share
    generate(tmp_path / "clean", **numbers, seed=5, dirty=0)
    generate(tmp_path / "dirty", **numbers, seed=5, dirty=dirty)
    file = "customers.csv" if name == "customers" else "orders.xml"
    assert (
        low
        <= touched((tmp_path / "clean" / file).read_text(), (tmp_path / "dirty" / file).read_text(), record)
        <= high
    )


ROW = "CUST-007,Esha Das,9876543210,East\r\n"
LINE = (
    "  <order>\n    <order_id>ORD-2025-0000001</order_id>\n    <mobile_number>9876543210</mobile_number>\n"
    "    <order_date_time>2025-10-12T09:15:32</order_date_time>\n    <sku_id>SKU-1001</sku_id>\n"
    "    <sku_count>2</sku_count>\n    <total_amount>7450</total_amount>\n  </order>\n"
)
ORDER = LINE + LINE.replace("SKU-1001", "SKU-1002").replace("<sku_count>2", "<sku_count>3")


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("malformed_record", ["CUST-007,Esha Das,9876543210,East,extra"]),
        ("missing_customer_id", [",Esha Das,9876543210,East"]),
        ("missing_mobile_number", ["CUST-007,Esha Das,,East"]),
        ("invalid_mobile_number", ["CUST-007,Esha Das,5876543210,East"]),
        ("conflicting_customer", [ROW.strip(), "CUST-007,Esha Das,9876543210,Elsewhere"]),
        ("shared_mobile_number", [ROW.strip(), "CUST-007-B,Esha Das,9876543210,East"]),
    ],
)
def test_each_kind_of_customer_dirt(kind: str, rows: list[str]) -> None:
    assert soiled(ROW, CUSTOMER_DIRT, kind) == "".join(f"{row}\r\n" for row in rows)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("malformed_record", "sku_count", ["1", "2", "3"]),
        ("missing_order_id", "order_id", ["", ""]),
        ("missing_mobile_number", "mobile_number", [" ", " "]),
        ("missing_order_date_time", "order_date_time", ["", ""]),
        ("missing_sku_id", "sku_id", ["", "SKU-1002"]),
        ("missing_sku_count", "sku_count", ["", "3"]),
        ("missing_total_amount", "total_amount", []),
        ("invalid_mobile_number", "mobile_number", ["5876543210", "5876543210"]),
        ("invalid_order_date_time", "order_date_time", ["2025-02-30T09:15:32"] * 2),
        ("invalid_sku_count", "sku_count", ["abc", "3"]),
        ("invalid_total_amount", "total_amount", ["1e3", "1e3"]),
        ("future_order", "order_date_time", ["2096-10-12T09:15:32"] * 2),
        ("conflicting_order", "total_amount", ["7450", "97450", "7450"]),
        ("conflicting_sku", "sku_count", ["2", "92", "3"]),
        ("exact_repeat", "sku_id", ["SKU-1001", "SKU-1001", "SKU-1002"]),
    ],
)
def test_each_kind_of_order_dirt(kind: str, field: str, values: list[str]) -> None:
    root = etree.fromstring(f"<orders>{soiled(ORDER, ORDER_DIRT, kind)}</orders>")
    assert [element.text or "" for element in root.iter(field)] == values
    others = {tag for tag in FIELDS if tag != field}
    assert all({child.tag for child in order} >= others for order in root)


def soiled(text: str, dirt: Dirt, kind: str) -> str:
    pattern, replacement, times = dirt[kind]
    return re.sub(pattern, replacement, text, count=times)


def test_every_kind_of_dirt_appears_and_stays_far_below_the_gate(tmp_path: Path) -> None:
    generate(tmp_path, orders=20_000, customers=20_000, seed=6, dirty=0.01)
    text = (tmp_path / "orders.xml").read_text()
    marks = [
        "1</sku_count><sku_count>",
        "<order_id></",
        "> </mobile",
        "_time></",
        "<sku_id></",
        "<sku_count></",
        "abc",
    ]
    marks += ["<mobile_number>5", "02-30T", ">1e3<", ">2096-"]
    assert [mark for mark in marks if mark not in text] == []
    lines, rows = lines_of(tmp_path), rows_of(tmp_path)
    assert any("total_amount" not in line for line in lines)
    assert len({tuple(line.items()) for line in lines}) < len(lines)
    clean_row = re.compile(r"CUST-\d+,\w+ \w+,[6-9]\d{9},(North|South|East|West|Central)")
    assert 0.003 < sum(not clean_row.fullmatch(",".join(row)) for row in rows) / len(rows) < 0.02


def test_memory_does_not_grow_with_the_delivery(tmp_path: Path) -> None:
    peaks = []
    for orders in (10_000, 60_000):
        tracemalloc.start()
        generate(tmp_path, orders=orders, customers=orders, seed=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "orders.xml").stat().st_size > 30_000_000
    assert peaks[1] < 1.2 * peaks[0] < 20_000_000


def test_progress_rises_to_the_total(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    generate(
        tmp_path, orders=12_000, customers=7_000, seed=1, progress=lambda *report: reports.append(report)
    )
    assert reports == [(n, 19_000) for n in (5_000, 7_000, 12_000, 17_000, 19_000)]


def test_a_failure_leaves_the_previous_files_and_nothing_else(tmp_path: Path) -> None:
    generate(tmp_path, orders=5, customers=5, seed=1)
    before = digests(tmp_path)

    def stop(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, orders=50, customers=50, seed=2, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customers.csv", "orders.xml"]
    assert digests(tmp_path) == before
