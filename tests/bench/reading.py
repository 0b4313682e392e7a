"""Reading orders XML into Arrow columns of text: ours, its peers, and a parser that keeps nothing.

The empty expat pass has no answer to compare, so it races alone, just before the others; every ratio is to
it. The others answer how many orders there are, and how many characters their values have: less white space
around them, which pandas drops, and less `sku_count`, which generated dirt gives twice and only ours turns
away. Adding that up is timed too, as our threads read on meanwhile.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from akasa.ingest import readers
from akasa.ingest.readers.records import BATCH_RECORDS, ORDER_FIELDS
from bench import harness
from bench.harness import Clock

Answer = tuple[int, int]
COMPARED = [field for field in ORDER_FIELDS if field != "sku_count"]


def empty_expat_pass(clock: Clock, path: Path) -> None:
    with clock, path.open("rb") as stream:
        expat.ParserCreate().ParseFile(stream)


def ours(clock: Clock, path: Path) -> Answer:
    with clock:
        return _answer(readers.read_orders(path))


def lxml_iterparse(clock: Clock, path: Path) -> Answer:
    with clock:
        return _answer(_batches(_lxml_orders(path)))


def elementtree_iterparse(clock: Clock, path: Path) -> Answer:
    with clock:
        return _answer(_batches(_elementtree_orders(path)))


def pandas_read_xml(clock: Clock, path: Path) -> Answer:
    with clock:
        frame = pd.read_xml(path, iterparse={"order": list(ORDER_FIELDS)}, dtype="str")
        return _answer([pa.RecordBatch.from_pandas(frame, preserve_index=False)])


PEERS = (ours, lxml_iterparse, elementtree_iterparse, pandas_read_xml)


def measure(path: Path, lines: int, runs: int) -> list[dict[str, Any]]:
    """Return what, seconds, ratio (to the empty expat pass), rows_per_second and peak_mb of each reader.

    `path` is an orders XML of `lines` `<order>` elements. Raises harness.PeersDisagree.
    """
    rows = harness.race({"empty_expat_pass": empty_expat_pass}, (path,), runs, lines)
    rows += harness.race({peer.__name__: peer for peer in PEERS}, (path,), runs, lines)
    return [{**row, "ratio": round(row["seconds"] / rows[0]["seconds"], 2)} for row in rows]


def _lxml_orders(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        for _, element in etree.iterparse(stream, tag="order"):
            yield element
            element.clear(keep_tail=True)
            while element.getprevious() is not None:
                del element.getparent()[0]


def _elementtree_orders(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        events = ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        for event, element in events:
            if event == "end" and element.tag == "order":
                yield element
                root.clear()


def _batches(elements: Iterator[Any]) -> Iterator[pa.RecordBatch]:
    """Columns of text, a row an element: what our reader gives, less record numbers and faults."""
    values = ({child.tag: child.text for child in element} for element in elements)
    rows = (tuple(map(one.get, ORDER_FIELDS)) for one in values)
    while chunk := list(islice(rows, BATCH_RECORDS)):
        columns = [pa.array(column, pa.string()) for column in zip(*chunk, strict=True)]
        yield pa.record_batch(columns, ORDER_FIELDS)


def _answer(batches: Iterable[pa.RecordBatch]) -> Answer:
    orders = characters = 0
    for batch in batches:
        lengths = (pc.sum(pc.utf8_length(pc.utf8_trim_whitespace(batch[field]))) for field in COMPARED)
        orders, characters = orders + batch.num_rows, characters + sum(one.as_py() or 0 for one in lengths)
    return orders, characters
