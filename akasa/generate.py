"""Synthetic deliveries of any size, in the shape of the daily feed, with a chosen share of dirt."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]
Dirt = tuple[re.Pattern[str], str, int]

BATCH = 20_000
REGIONS = ("North", "South", "East", "West", "Central")
GIVEN = ("Aditi", "Bhavesh", "Chitra", "Dinesh", "Esha", "Feroz", "Gauri", "Hemant", "Indira", "Jatin")
FAMILY = ("Ahuja", "Bora", "Chopra", "Das", "Gowda", "Iyer", "Joshi", "Kaur", "Nair", "Patil", "Reddy")
LINES_PER_ORDER = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)
UNMATCHED_SHARE = 0.01
SKUS, COUNTS = 200, 4
ITEMS = [
    f"<sku_id>SKU-{1001 + sku}</sku_id>\n    <sku_count>{count}</sku_count>\n"
    for sku in range(SKUS)
    for count in range(1, COUNTS + 1)
]


def _dirt(pattern: str, replacement: str, times: int = 1) -> Dirt:
    return re.compile(pattern), replacement, times


# What breaks the rendered text of one customer or order: a pattern, its replacement, how often (0: on every
# line). Where only the first line of an order breaks, its siblings become `order_rejected`.
CUSTOMER_DIRT = {
    "malformed_record": _dirt(r"\r\n", r",extra\r\n"),
    "missing_customer_id": _dirt(r"\ACUST-\d+", ""),
    "missing_mobile_number": _dirt(r",\d{10},", ",,"),
    "invalid_mobile_number": _dirt(r",\d(?=\d{9},)", ",5"),
    "conflicting_customer": _dirt(r"\A(.*,)(\w+\r\n)", r"\1\2\1Elsewhere\r\n"),
    "shared_mobile_number": _dirt(r"\A(CUST-\d+)(.*\r\n)", r"\1\2\1-B\2"),
}
ORDER_DIRT = {
    "malformed_record": _dirt(r"<sku_count>", r"<sku_count>1</sku_count><sku_count>"),
    "missing_order_id": _dirt(r"(?<=<order_id>)[^<]+", "", 0),
    "missing_mobile_number": _dirt(r"(?<=<mobile_number>)\d+", " ", 0),
    "missing_order_date_time": _dirt(r"(?<=<order_date_time>)[^<]+", "", 0),
    "missing_sku_id": _dirt(r"(?<=<sku_id>)[^<]+", ""),
    "missing_sku_count": _dirt(r"(?<=<sku_count>)\d+", ""),
    "missing_total_amount": _dirt(r" *<total_amount>.*\n", "", 0),
    "invalid_mobile_number": _dirt(r"(?<=<mobile_number>)\d", "5", 0),
    "invalid_order_date_time": _dirt(r"(?<=<order_date_time>)[^T]+", "2025-02-30", 0),
    "invalid_sku_count": _dirt(r"(?<=<sku_count>)\d+", "abc"),
    "invalid_total_amount": _dirt(r"(?<=<total_amount>)\d+", "1e3", 0),
    "future_order": _dirt(r"(?<=<order_date_time>)\d+", "2096", 0),
    "conflicting_order": _dirt(r"(?s)\A(.*?<total_amount>)(.*?</order>\n)", r"\1\2\g<1>9\2"),
    "conflicting_sku": _dirt(r"(?s)\A(.*?<sku_count>)(.*?</order>\n)", r"\1\2\g<1>9\2"),
    "exact_repeat": _dirt(r"(?s)\A(.*?</order>\n)", r"\1\1"),
}


def generate(
    directory: Path,
    *,
    orders: int,
    customers: int,
    seed: int,
    dirty: float = 0.01,
    days: int = 365,
    ending: date = date(2025, 11, 10),
    progress: Progress | None = None,
) -> None:
    """Write `customers.csv` and `orders.xml`: the same bytes for the same arguments, in bounded memory.

    `orders` counts distinct orders, of one to four lines; their times rise over the `days` up to `ending`.
    A share `dirty` of the customers and of the orders is broken, each in one way of CUSTOMER_DIRT or ORDER_DIRT
    (`exact_repeat` alone gets nothing rejected). A customer has the same mobile number under every seed.
    `progress` is told the customers and orders written so far, and how many there will be.
    Raises ValueError for a negative number, for no days, or for a share outside 0 to 1.
    """
    if min(orders, customers, seed) < 0 or days < 1 or not 0 <= dirty <= 1:
        raise ValueError(
            f"{orders=}, {customers=}, {seed=}: at least 0; {days=}: at least 1; {dirty=}: 0 to 1"
        )
    directory.mkdir(parents=True, exist_ok=True)
    with _replacing(directory / "customers.csv") as csv, _replacing(directory / "orders.xml") as xml:
        written = chain(
            _customers_csv(csv, customers, dirty, np.random.default_rng((seed, 0))),
            _orders_xml(xml, orders, customers, dirty, np.random.default_rng((seed, 1)), days, ending),
        )
        for done in accumulate(written):
            if progress:
                progress(done, customers + orders)


def _customers_csv(file: IO[str], total: int, dirty: float, rng: np.random.Generator) -> Iterator[int]:
    file.write("customer_id,customer_name,mobile_number,region\r\n")
    for index in _batches(total):
        given, family, region = (
            rng.integers(len(names), size=len(index)) for names in (GIVEN, FAMILY, REGIONS)
        )
        columns = (index + 1, given, family, _mobiles(index), region)
        rows = [
            f"CUST-{n:03d},{GIVEN[g]} {FAMILY[f]},{mobile},{REGIONS[r]}\r\n"
            for n, g, f, mobile, r in zip(*(column.tolist() for column in columns), strict=True)
        ]
        file.writelines(_soil(rows, CUSTOMER_DIRT, dirty, rng))
        yield len(rows)


def _orders_xml(
    file: IO[str],
    total: int,
    customers: int,
    dirty: float,
    rng: np.random.Generator,
    days: int,
    ending: date,
) -> Iterator[int]:
    file.write("<orders>\n")
    start = np.datetime64(ending - timedelta(days=days - 1), "s")
    for index in _batches(total):
        # A jitter inside even slots: times rise, and no batch has to know another.
        seconds = (index + rng.random(len(index))) / total * (days * 86_400)
        whens = (start + seconds.astype("timedelta64[s]")).astype(str)
        mobiles = _mobiles(_buyers(index, customers, rng))
        heads = [
            f"  <order>\n    <order_id>ORD-{ending.year}-{n:07d}</order_id>\n"
            f"    <mobile_number>{mobile}</mobile_number>\n    <order_date_time>{when}</order_date_time>\n    "
            for n, mobile, when in zip((index + 1).tolist(), mobiles.tolist(), whens.tolist(), strict=True)
        ]
        file.write(f"  <!-- from order {index[0] + 1} -->\n")
        file.writelines(_soil(_with_lines(heads, rng), ORDER_DIRT, dirty, rng))
        yield len(heads)
    file.write("</orders>\n")


def _with_lines(heads: list[str], rng: np.random.Generator) -> list[str]:
    """Complete each order with one to four lines of different SKUs, the total of all on every one."""
    sizes = rng.choice(LINES_PER_ORDER, len(heads))
    ends = np.cumsum(sizes)
    position = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
    sku = (np.repeat(rng.integers(SKUS, size=len(heads)), sizes) + 37 * position) % SKUS
    count = rng.integers(COUNTS, size=ends[-1])
    totals = np.add.reduceat((count + 1) * (350 + 25 * sku), ends - sizes)
    items = [ITEMS[k] for k in (sku * COUNTS + count).tolist()]
    tails = [f"    <total_amount>{total}</total_amount>\n  </order>\n" for total in totals.tolist()]
    spans = pairwise([0, *ends.tolist()])
    return [
        "".join([head + item + tail for item in items[first:last]])
        for head, tail, (first, last) in zip(heads, tails, spans, strict=True)
    ]


def _buyers(index: Ints, customers: int, rng: np.random.Generator) -> Ints:
    """The customer of each order, skewed to the first ones, or for some a number beyond the last one."""
    buyer = (customers * rng.random(len(index)) ** 1.5).astype(np.int64)
    known = rng.random(len(index)) >= (UNMATCHED_SHARE if customers else 1)
    return np.where(known, buyer, customers + index)


def _mobiles(index: Ints) -> Ints:
    """A different ten-digit number for each of the first 4 billion indices (2654435761 is prime).

    >>> _mobiles(np.array([0, 1, 2])).tolist()
    [6123456789, 8777892550, 7432328311]
    """
    return 6_000_000_000 + (123_456_789 + index * 2_654_435_761) % 4_000_000_000


def _soil(texts: list[str], dirt: dict[str, Dirt], share: float, rng: np.random.Generator) -> list[str]:
    """Break about a `share` of the texts, in place."""
    ways = list(dirt.values())
    chosen = np.flatnonzero(rng.random(len(texts)) < share)
    for k, way in zip(chosen.tolist(), rng.integers(len(ways), size=len(chosen)).tolist(), strict=True):
        pattern, replacement, times = ways[way]
        texts[k] = pattern.sub(replacement, texts[k], count=times)
    return texts


def _batches(total: int) -> Iterator[Ints]:
    return (np.arange(first, min(first + BATCH, total)) for first in range(0, total, BATCH))


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """A file under a temporary name that takes its place when all went well, and vanishes otherwise."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
