"""Bytes in, records out: what the tests of the readers share."""

import subprocess
import sys
from collections import Counter

import pytest

from akasa.ingest import readers


@pytest.fixture
def customers(tmp_path):
    """Read bytes as a customers CSV: the records (without what is null), and what was unknown."""
    return lambda content: _read(readers.read_customers, tmp_path / "c.csv", content)


@pytest.fixture
def orders(tmp_path):
    """Read bytes, or text, as an orders XML: the records (without what is null), and what was unknown."""
    return lambda content: _read(readers.read_orders, tmp_path / "o.xml", content)


def _read(read, path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    unknown = Counter()
    found = read(path, unknown).read_all().to_pylist()
    return [{k: v for k, v in one.items() if v is not None} for one in found], dict(unknown)


@pytest.fixture
def refusal():
    """Give a function that reads what must be refused, and returns the line and the cause."""

    def refused(read, content):
        with pytest.raises(readers.RefusedDelivery) as caught:
            read(content)
        assert str(caught.value).startswith(caught.value.name)
        return caught.value.line, caught.value.cause

    return refused


# So that a small file can show what grows with it.
SMALL_BUFFERS = """
from akasa.ingest.readers import records, split_xml
records.BATCH_RECORDS, split_xml.RUN_BYTES, split_xml.LONGEST_RUN_BYTES = 1_000, 100_000, 200_000
"""
# A fork begins with the memory of a process that has read nothing yet, and its peak is its own.
GROWTH = """
import os, sys
import pandas  # pyarrow imports it at its first array, which would count as growth
from akasa.ingest import readers

def kib(what):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what))

def outcome(path):
    read = readers.read_customers if path.endswith(".csv") else readers.read_orders
    try:
        return sum(batch.num_rows for batch in read(path))
    except readers.RefusedDelivery as refusal:
        return refusal.cause

for path in sys.argv[1:]:
    if not os.fork():
        before = kib("VmRSS")
        said = outcome(path)
        print(kib("VmHWM") - before, said, flush=True)
        os._exit(0)
    _, status = os.wait()
    if status:
        sys.exit(f"{path}: the reading process ended with status {status}")
"""


@pytest.fixture
def growth(tmp_path):
    """Give a function that reads files: of each, the count or the cause, and the KiB that memory grew by."""
    if sys.platform != "linux":
        pytest.skip("asks Linux for the peak")

    def grown(suffix, *contents, buffers=SMALL_BUFFERS):
        paths = [tmp_path / f"{place}{suffix}" for place in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        command = [sys.executable, "-c", buffers + GROWTH, *paths]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        for path in paths:
            path.unlink()
        found = (line.split(" ", 1) for line in ran.stdout.splitlines())
        return [(said, int(kib)) for kib, said in found]

    return grown
