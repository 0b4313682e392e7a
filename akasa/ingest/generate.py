"""Synthetic deliveries of any size, in the shape of the daily feed, with a chosen share of dirt."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]
Dirt = dict[str, tuple[str, str, int]]

BATCH = 5_000
REGIONS = ("North", "South", "East", "West", "Central")
GIVEN = ("Aditi", "Bhavesh", "Chitra", "Dinesh", "Esha", "Feroz", "Gauri", "Hemant", "Indira", "Jatin")
FAMILY = ("Ahuja", "Bora", "Chopra", "Das", "Gowda", "Iyer", "Joshi", "Kaur", "Nair", "Patil", "Reddy")
LINES_PER_ORDER = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)
UNMATCHED_SHARE = 0.01
SKUS, COUNTS = 200, 4
ITEMS = [
    f"    <sku_id>SKU-{1001 + k // COUNTS}</sku_id>\n    <sku_count>{1 + k % COUNTS}</sku_count>\n"
    for k in range(SKUS * COUNTS)
]

# What breaks the rendered text of one customer or order: a pattern, its replacement, how often (0: on every
# line). Where only the first line of an order breaks, its siblings become `order_rejected`.
CUSTOMER_DIRT: Dirt = {
    "malformed_record": (r"\r\n", r",extra\r\n", 1),
    "missing_customer_id": (r"\ACUST-\d+", "", 1),
    "missing_mobile_number": (r",\d{10},", ",,", 1),
    "invalid_mobile_number": (r",\d(?=\d{9},)", ",5", 1),
    "conflicting_customer": (r"\A(.*,)(\w+\r\n)", r"\1\2\1Elsewhere\r\n", 1),
    "shared_mobile_number": (r"\A(CUST-\d+)(.*\r\n)", r"\1\2\1-B\2", 1),
}
ORDER_DIRT: Dirt = {
    "malformed_record": (r"<sku_count>", r"<sku_count>1</sku_count><sku_count>", 1),
    "missing_order_id": (r"(?<=<order_id>)[^<]+", "", 0),
    "missing_mobile_number": (r"(?<=<mobile_number>)\d+", " ", 0),
    "missing_order_date_time": (r"(?<=<order_date_time>)[^<]+", "", 0),
    "missing_sku_id": (r"(?<=<sku_id>)[^<]+", "", 1),
    "missing_sku_count": (r"(?<=<sku_count>)\d+", "", 1),
    "missing_total_amount": (r" *<total_amount>.*\n", "", 0),
    "invalid_mobile_number": (r"(?<=<mobile_number>)\d", "5", 0),
    "invalid_order_date_time": (r"(?<=<order_date_time>)[^T]+", "2025-02-30", 0),
    "invalid_sku_count": (r"(?<=<sku_count>)\d+", "abc", 1),
    "invalid_total_amount": (r"(?<=<total_amount>)\d+", "1e3", 0),
    "future_order": (r"(?<=<order_date_time>)\d+", "2096", 0),
    "conflicting_order": (r"(?s)\A(.*?<total_amount>)(.*?</order>\n)", r"\1\2\g<1>9\2", 1),
    "conflicting_sku": (r"(?s)\A(.*?<sku_count>)(.*?</order>\n)", r"\1\2\g<1>9\2", 1),
    "exact_repeat": (r"(?s)\A(.*?</order>\n)", r"\1\1", 1),
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
    A share `dirty` of customers and orders is broken, each in one way of `CUSTOMER_DIRT` or `ORDER_DIRT`
    (`exact_repeat` alone gets nothing rejected). A customer has the same mobile number under every seed.
    `progress` is told the customers and orders written so far, and how many there will be.
    Raises ValueError for a negative number, for no days, or for a share outside 0 to 1.
    """
    if min(orders, customers, seed) < 0 or days < 1 or not 0 <= dirty <= 1:
        raise ValueError(
            f"{orders=}, {customers=}, {seed=}: at least 0; {days=}: at least 1; {dirty=}: 0 to 1"
        )
    directory.mkdir(parents=True, exist_ok=True)
    rng, done = np.random.default_rng(seed), 0
    with _replacing(directory / "customers.csv") as csv, _replacing(directory / "orders.xml") as xml:
        csv.write(b"customer_id,customer_name,mobile_number,region\r\n")
        xml.write(b"<orders>\n")
        for file, dirt, texts in chain(
            ((csv, CUSTOMER_DIRT, rows) for rows in _customers(customers, rng)),
            ((xml, ORDER_DIRT, elements) for elements in _orders(orders, customers, days, ending, rng)),
        ):
            file.write("".join(_soil(texts, dirt, dirty, rng)).encode())
            done += len(texts)
            if progress:
                progress(done, customers + orders)
        xml.write(b"</orders>\n")


def _customers(total: int, rng: np.random.Generator) -> Iterator[list[str]]:
    for index in _batches(total):
        given, family, region = (
            rng.integers(len(names), size=len(index)) for names in (GIVEN, FAMILY, REGIONS)
        )
        columns = (index + 1, given, family, _mobiles(index), region)
        yield [
            f"CUST-{n:03d},{GIVEN[g]} {FAMILY[f]},{mobile},{REGIONS[r]}\r\n"
            for n, g, f, mobile, r in zip(*(column.tolist() for column in columns), strict=True)
        ]


def _orders(
    total: int, customers: int, days: int, ending: date, rng: np.random.Generator
) -> Iterator[list[str]]:
    start = np.datetime64(ending - timedelta(days=days - 1), "s")
    for index in _batches(total):
        # A jitter inside even slots: times rise, and no batch has to know another.
        seconds = (index + rng.random(len(index))) / total * (days * 86_400)
        whens = (start + seconds.astype("timedelta64[s]")).astype(str)
        columns = (index + 1, _mobiles(_buyers(index, customers, rng)), whens)
        heads = [
            f"  <order>\n    <order_id>ORD-{ending.year}-{n:07d}</order_id>\n"
            f"    <mobile_number>{mobile}</mobile_number>\n"
            f"    <order_date_time>{when}</order_date_time>\n"
            for n, mobile, when in zip(*(column.tolist() for column in columns), strict=True)
        ]
        texts = _with_lines(heads, rng)
        texts[-1] += f"  <!-- {index[-1] + 1} orders so far -->\n"
        yield texts


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


def _soil(texts: list[str], dirt: Dirt, share: float, rng: np.random.Generator) -> list[str]:
    """Break about a `share` of the texts, in place."""
    ways = list(dirt.values())
    chosen = np.flatnonzero(rng.random(len(texts)) < share)
    for k, way in zip(chosen.tolist(), rng.integers(len(ways), size=len(chosen)).tolist(), strict=True):
        pattern, replacement, times = ways[way]
        texts[k] = re.sub(pattern, replacement, texts[k], count=times)
    return texts


def _batches(total: int) -> Iterator[Ints]:
    return (np.arange(first, min(first + BATCH, total)) for first in range(0, total, BATCH))


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file under a temporary name that takes its place when all went well, and vanishes otherwise."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
