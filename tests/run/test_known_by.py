"""`report --known-by DAY` says, to the byte, what the report of that day said, and changes nothing else."""

import hashlib
import os
import re
import shutil
from datetime import UTC, date, datetime

import pytest
from lib import inprocess
from lib.drops import customers, deliver, orders, repair

from akasa.publish import withdraw
from akasa.publish.known_by import NothingKnown
from akasa.run import known_by, pipeline
from akasa.run.steps import NOTEBOOKS
from akasa.stores import lock
from akasa.workspace.settings import load

A, B, C = "9000000001", "9000000002", "9000000003"
DAYS = {
    date(2025, 11, 10): [
        ("customers.csv", customers(("C-1", A, "North"), ("C-2", B, "South"), ("C-2", B, "South"))),
        (
            "orders.xml",
            orders(
                ("O-1", A, "2025-10-05", "S-1", 1, "100.00"),
                ("O-2", A, "2025-11-02", "S-1", 1, "200.00"),
                ("O-3", C, "2025-11-03", "S-1", 1, "no"),
                ("O-4", C, "2025-11-03", "S-1", 1, "40.00"),
            ),
        ),
    ],
    # O-2 comes corrected, and A passes to C-3.
    date(2025, 11, 11): [
        ("incoming/o_2025-11-11.xml", orders(("O-2", A, "2025-11-02", "S-1", 2, "210.00"))),
        ("incoming/c_2025-11-11.csv", customers(("C-3", A, "East"))),
    ],
    # Other bytes under a name of the day before; the bytes of then are gone from the drop folder.
    date(2025, 11, 12): [
        ("incoming/o_2025-11-11.xml", orders(("O-2", A, "2025-11-02", "S-1", 2, "211.00"))),
        ("incoming/o_2025-11-12.xml", orders(("O-5", B, "2025-11-11", "S-2", 1, "5.50"))),
    ],
    # A file that came late, and the name of whose day is before what is known; a repair of two deliveries.
    date(2025, 11, 13): [
        (
            "incoming/repair.xml",
            repair(
                ("orders.xml#3", ("O-3", C, "2025-11-03", "S-1", 1, "30.00")),
                ("incoming/o_2025-11-12.xml#1", ("O-5", B, "2025-11-11", "S-2", 1, "5.60")),
            ),
        ),
        ("incoming/o_2025-11-09.xml", orders(("O-1", B, "2025-10-05", "S-1", 1, "70.00"))),
        ("incoming/c_late.csv", customers(("C-4", C, "West"))),
    ],
}

GONE = date(2025, 11, 11)


def epoch(day):
    return str(int(datetime(day.year, day.month, day.day, 6, tzinfo=UTC).timestamp()))


def run(cfg):
    with inprocess.steps(NOTEBOOKS, []):
        return pipeline.report(cfg, {}, lambda ended: None)


def digests(folder, leaving=()):
    """Return what lies in a folder, by name; locks, and the lease of a bucket, are anew with each look."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".warehouse.json"
        if ".lock" not in path.name and ".holder" not in path.name
        if path.relative_to(folder).parts[0] not in leaving
    }


def said(outputs):
    """Return a report's files; of the page, all but what names the run: the day, and the run before."""
    found = {}
    for path in sorted(outputs.rglob("*")):
        name = path.relative_to(outputs).as_posix()
        if path.is_file() and not name.startswith((".", "history", "known_by", "notebooks", "data_docs")):
            found[name] = path.read_bytes()
    for name in ("run.json", "changes.json"):
        found.pop(name, None)
    page = found["index.html"].decode()
    page = re.sub(r'<p class="known-by">.*?</p>\n', "", page, flags=re.DOTALL)
    page = re.sub(r'\n<section aria-labelledby="since">.*?</section>\n', "", page, flags=re.DOTALL)
    return {**found, "index.html": page}


def without_gone(files):
    """Return a report's files but for how lines of O-2 look: the bytes of 11 November lie nowhere later."""
    page = files["explain.html"].decode().replace("<wbr>", "")
    gone = r"(incoming/o_2025-11-11\.xml, record 1)(?:, line 1)?</p><pre>.*?</pre>"
    return {**files, "explain.html": re.sub(gone, r"\1</p>", page)}


def live(tmp_path, monkeypatch, days, deliver=deliver):
    """Run day after day in a workspace; return its settings, and the outputs of each day."""
    monkeypatch.setenv("MAX_REJECT_RATIO", "1")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "outputs"))
    kept = {}
    for day in days:
        monkeypatch.setenv("TODAY", day.isoformat())
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch(day))
        deliver(load(), *DAYS[day])
        run(load())
        kept[day] = shutil.copytree(tmp_path / "outputs", tmp_path / f"kept-{day}")
    return load(), kept


def remembered(cfg, day, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch(day))
    with known_by.workspace(cfg, day, lambda text: None) as there:
        run(there)
    return cfg.output_dir / "known_by" / day.isoformat()


def require_the_same(tmp_path, monkeypatch, days, asked, deliver=deliver):
    cfg, kept = live(tmp_path, monkeypatch, days, deliver)
    before = digests(cfg.data_dir), digests(cfg.output_dir)
    environment = dict(os.environ)
    for day in asked:
        outputs = remembered(cfg, day, monkeypatch)
        one, other = said(outputs), said(kept[day])
        if day == GONE and days[-1] > GONE:
            one, other = without_gone(one), without_gone(other)
        assert one.pop("index.html").splitlines() == other.pop("index.html").splitlines()
        assert one == other
        assert f"As known by {day.day} November 2025" in (outputs / "index.html").read_text("utf-8")
    assert (digests(cfg.data_dir), digests(cfg.output_dir, ("known_by",))) == before
    assert os.environ | {"SOURCE_DATE_EPOCH": ""} == environment | {"SOURCE_DATE_EPOCH": ""}


def test_a_day_is_remembered_to_the_byte_and_nothing_else_changes(tmp_path, monkeypatch):
    require_the_same(tmp_path, monkeypatch, [*DAYS][:2], [*DAYS][:1])


@pytest.mark.long
def test_four_days_are_remembered_to_the_byte(tmp_path, monkeypatch):
    require_the_same(tmp_path, monkeypatch, [*DAYS], DAYS)


@pytest.mark.long
def test_two_days_are_remembered_of_a_server_s_database(tmp_path, monkeypatch, on_server):
    on_server()
    require_the_same(tmp_path, monkeypatch, [*DAYS][:3], [*DAYS][:2])


@pytest.mark.long
def test_four_days_are_remembered_of_what_lies_in_a_bucket(tmp_path, monkeypatch, on_moto, moto):
    bucket = on_moto(INCOMING_URL="s3:///incoming/").s3_bucket

    def put(cfg, *deliveries):
        for name, content in deliveries:
            if name.startswith("incoming/"):
                moto.client().put_object(Bucket=bucket, Key=name, Body=content)
            else:
                deliver(cfg, (name, content))

    require_the_same(tmp_path, monkeypatch, [*DAYS], DAYS, put)


@pytest.mark.long
def test_what_was_taken_back_since_is_said(tmp_path, monkeypatch, capsys):
    days = [*DAYS][:2]
    cfg, _ = live(tmp_path, monkeypatch, days)
    with lock.run(cfg):
        withdraw.commit(cfg, withdraw.derive(cfg, "incoming/o_2025-11-11.xml"))
    page = (remembered(cfg, days[1], monkeypatch) / "index.html").read_text("utf-8")
    told = (
        "o_2025-11-11.xml was known by then and was taken back; the ledger no longer has what is taken back"
    )
    assert told in capsys.readouterr().err
    assert told in page.replace("<wbr>", "")
    with pytest.raises(
        NothingKnown, match="no delivery was known by 2025-11-09; the first was seen on 2025-11-10"
    ):
        remembered(cfg, date(2025, 11, 9), monkeypatch)
