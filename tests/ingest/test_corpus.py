"""Every file of the corpus is read and judged to its outcome: in little time and memory, asking nobody.

The table *file → outcome* stands at the end of what pytest prints.
"""

import json
import subprocess
import sys

import pytest
from lib.corpus import FILES

SECONDS, KIB = 20, 400_000
# A fork for each file: its peak of memory is its own, and what kills it leaves the others alone.
READ_AND_JUDGE = """
import json, os, resource, signal, socket, sys, time
from collections import Counter
from datetime import date
import pandas
from akasa.ingest import readers
from akasa.validate import cleaning, rules

SECONDS, KIB, *paths = sys.argv[1:]

def closed(event, arguments):
    if event == "socket.connect" and str(arguments[1][0]) not in ("127.0.0.1", "::1"):
        raise PermissionError(f"asked the network for {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in ("localhost", "127.0.0.1", "192.0.2.1"):
        raise PermissionError(f"asked the network for {arguments[0]}")

sys.addaudithook(closed)
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
    sys.exit("the network is open")
except PermissionError:
    pass

def kib(what):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what))

def outcome(path):
    try:
        if path.endswith(".csv"):
            raw = readers.read_customers(path).read_all()
            judged = rules.judge_customers(raw, cleaning.clean_customers(raw))
        else:
            raw = readers.read_orders(path).read_all()
            judged = rules.judge_orders(raw, cleaning.clean_orders(raw), date(2025, 10, 13))
    except readers.RefusedDelivery as refusal:
        return f"refused: {refusal.cause}"
    assert judged.count == len(raw)
    found = Counter(" ".join(sorted(codes.split())) for codes in judged.rejected["reasons"])
    parts = {"accepted": len(judged.accepted), **dict(sorted(found.items())), "repeats": judged.repeats}
    told = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    of_lines = f"; {judged.rejected_lines} of {judged.lines} lines rejected" if judged.more_rejected else ""
    return f"{judged.count} records{': ' * bool(told)}{told}{of_lines}"

for path in paths:
    if not os.fork():
        signal.alarm(3 * int(SECONDS))
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
        # Address space, of which each thread reserves much that it never touches.
        more = (kib("VmSize") + 5 * int(KIB)) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (more, more))
        before = kib("VmRSS")
        said = outcome(path)
        print(json.dumps([said, kib("VmHWM") - before]), flush=True)
        os._exit(0)
    _, status = os.wait()
    if status:
        print(json.dumps([f"ended with status {status}", 0]), flush=True)
"""


def found(folder, files, most_kib=KIB):
    """Return of each file its outcome, and the KiB of memory that it took."""
    if sys.platform != "linux":
        pytest.skip("asks Linux for the peak")
    paths = []
    for place, (name, (make, _)) in enumerate(files.items()):
        paths.append(folder / f"{place}.{name.partition(':')[0][-3:]}")
        paths[-1].write_bytes(make())
    command = [sys.executable, "-c", READ_AND_JUDGE, str(SECONDS), str(most_kib), *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(zip(files, map(json.loads, ran.stdout.splitlines()), strict=True))


def as_table(outcomes):
    width = max(map(len, outcomes))
    return [f"{name:{width}}  {said[:110]}" for name, (said, _) in outcomes.items()]


def test_every_file_has_the_outcome_that_it_must_have(tmp_path, record_property):
    assert len(FILES) >= 80
    outcomes = found(tmp_path, FILES)
    record_property("corpus", as_table(outcomes))
    expected = {name: said for name, (_, said) in FILES.items()}
    # Of a refusal, only how its cause begins is told.
    told = {
        name: said[: len(expected[name])] if "refused: " in said else said
        for name, (said, _) in outcomes.items()
    }
    assert told == expected
    assert {name: kib for name, (_, kib) in outcomes.items() if kib > KIB} == {}
    assert max(len(said) for said, _ in outcomes.values()) < 500
