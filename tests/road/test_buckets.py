"""The whole road on a real S3 server: the same files, whoever is killed, whoever else publishes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest
from lib import command, crashing, promoting
from lib.drops import customers, deliver, orders, run
from lib.stores import in_database, in_warehouse

from akasa.kpis import engines, results
from akasa.publish import level
from akasa.run import samples, upload
from akasa.stores import lock, warehouse
from akasa.workspace import failpoints
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.slow

AS_OF = date(2025, 11, 3)
CUSTOMERS = customers(("C1", "9876543210", "North"), ("C2", "9876543211", "East"))
DAYS = [
    orders(("O1", "9876543210", "2025-10-12 10:00", "S1", 1, "5.00")),
    orders(
        ("O1", "9876543210", "2025-11-01 10:00", "S1", 1, "6.25"),
        ("O2", "9876543211", "2025-11-02 10:00", "S1", 2, "7.10"),
    ),
]


def kpi_files(cfg):
    """Return the KPI files of all engines, to the byte."""
    for engine in ("sql", "both"):
        results.write_results(cfg, engines.compute(cfg, engine, AS_OF), AS_OF)
    return {path.name: path.read_bytes() for path in cfg.output_dir.glob("*_*")}


def test_kpi_files_are_those_of_a_folder_to_the_byte(on_seaweed, seaweed, tmp_path):
    cfg = on_seaweed(INCOMING_URL="s3:///incoming")
    lying = {"c_2025-10-13.csv": CUSTOMERS, "o_2025-10-13.xml": DAYS[0], "o_2025-11-03.xml": DAYS[1]}
    for name, content in lying.items():
        seaweed.client().put_object(Bucket=cfg.s3_bucket, Key=f"incoming/{name}", Body=content)
    with lock.run(cfg):
        run(cfg)
    there = kpi_files(cfg)
    local = cfg.model_copy(
        update={
            "warehouse_url": None,
            "incoming_url": None,
            "data_dir": tmp_path / "local/data",
            "output_dir": tmp_path / "local/outputs",
        }
    )
    local.output_dir.mkdir(parents=True)
    deliver(local, *((f"incoming/{name}", content) for name, content in lying.items()))
    with lock.run(local):
        run(local)
    assert len(there) == 12
    assert there == kpi_files(local)
    assert not cfg.warehouse.exists()
    assert seaweed.objects(cfg.s3_bucket, "incoming/") == {f"incoming/{n}": c for n, c in lying.items()}


def test_a_warehouse_that_was_damaged_is_made_anew(on_seaweed, seaweed, capsys):
    cfg = on_seaweed()
    deliver(cfg, ("incoming/o_2025-10-13.xml", DAYS[0]))
    with lock.run(cfg):
        run(cfg)
    before = in_warehouse(cfg)
    for key in seaweed.objects(cfg.s3_bucket, "warehouse/orders/order_month"):
        seaweed.client().delete_object(Bucket=cfg.s3_bucket, Key=key)
    with lock.run(cfg):
        level.level_warehouse(cfg)
    assert in_warehouse(cfg) == before
    assert (
        "warning: the warehouse is made anew from the database: it could not be read"
        in capsys.readouterr().err
    )


def published(cfg, name, text):
    """Let a run write files and publish them; say whether it was first."""
    before = upload.pointer(cfg)
    promoting.promote(cfg.output_dir, {f"{n}.html": f"{text} {n}" for n in range(4)}, name)
    try:
        upload.publish(cfg, before)
    except upload.PublishFailed:
        return False
    return True


class Reader:
    """Reads what `latest.json` names, over and over, and notes the runs, and what was a mix."""

    def __init__(self, server, bucket):
        self.client, self.bucket, self.runs, self.faults = server.client(), bucket, [], []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._read)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def look(self):
        def get(name):
            return self.client.get_object(Bucket=self.bucket, Key=f"outputs/{name}")["Body"].read()

        pointer = json.loads(get("latest.json"))
        manifest = get(pointer["manifest"])
        assert hashlib.sha256(manifest).hexdigest() == pointer["manifest_sha256"]
        for name, known in json.loads(manifest)["files"].items():
            assert hashlib.sha256(get(f"{pointer['run']}/{name}")).hexdigest() == known["sha256"], name
        return pointer["run"]

    def _read(self):
        while not self.stopped.is_set():
            try:
                self.runs.append(self.look())
            except self.client.exceptions.NoSuchKey:
                if self.runs:
                    self.faults.append("gone")
            except AssertionError as fault:
                self.faults.append(str(fault))


def test_a_reader_sees_no_mix_while_two_publish_at_once(on_seaweed, seaweed, tmp_path):
    cfg = on_seaweed(PUBLISH_URL="s3:///outputs")
    won = {"A": [], "B": []}

    def publisher(name):
        mine = cfg.model_copy(update={"output_dir": tmp_path / name})
        mine.output_dir.mkdir()
        won[name] = [published(mine, f"{name}{n}", f"{name}{n}") for n in range(6)]

    publishers = [threading.Thread(target=publisher, args=name) for name in won]
    with Reader(seaweed, cfg.s3_bucket) as reader:
        for one in publishers:
            one.start()
        for one in publishers:
            one.join()
    assert reader.faults == []
    assert len(set(reader.runs)) > 1
    done = [f"{name}{n}" for name, results_ in won.items() for n, first in enumerate(results_) if first]
    assert set(reader.runs) <= set(done)
    assert reader.look() in done


PUBLISH = """
import sys
from akasa.run import upload
from akasa.workspace import settings
cfg = settings.load()
upload.publish(cfg, upload.pointer(cfg))
"""


@pytest.mark.long
def test_a_publish_that_is_killed_anywhere_leaves_readers_where_they_were(on_seaweed, seaweed, tmp_path):
    cfg = on_seaweed(PUBLISH_URL="s3:///outputs")
    assert published(cfg, "R0", "zero")
    reader, log = Reader(seaweed, cfg.s3_bucket), tmp_path / "places"
    promoting.promote(cfg.output_dir, {"index.html": "1", "kpi.csv": "1"}, "R1")
    killed = 0
    for place in range(1, 20):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), failpoints.VARIABLE: f"{log}:{place}"}
        ended = subprocess.run([sys.executable, "-c", PUBLISH], env=environment, check=False).returncode
        if ended == 0:
            break
        killed += 1
        moved = "after moving" in log.read_text().splitlines()[-1]
        assert (ended, reader.look()) == (-9, "R1" if moved else "R0")
    assert reader.look() == "R1"
    assert killed >= 4


@pytest.fixture(scope="module")
def runs():
    started = crashing.Runs()
    yield started
    started.close()


def machine(cfg, folder, *deliveries, **changes):
    """Return the environment of another machine, with deliveries of its own, that shares the bucket."""
    data = folder / "data"
    deliver(cfg.model_copy(update={"data_dir": data}), *deliveries)
    return {
        "ROAD": "publish alone",
        "TODAY": "2025-11-15",
        "DATA_DIR": str(data),
        "OUTPUT_DIR": str(folder / "outputs"),
        **{name: os.environ[name] for name in os.environ if name.startswith(("AWS_", "S3_", "DB_"))},
        "WAREHOUSE_URL": cfg.warehouse_url,
        **changes,
    }


@pytest.mark.long
def test_of_two_databases_that_race_for_a_warehouse_one_publishes_and_the_other_is_told(
    on_seaweed, runs, tmp_path
):
    for turn in range(3):
        cfg = on_seaweed()
        folders = [tmp_path / f"{turn}-{name}" for name in "ab"]
        machines = [
            machine(cfg, folder, (f"incoming/o_2025-11-1{n}.xml", DAYS[n]))
            for n, folder in enumerate(folders)
        ]
        ended = runs.at_once(machines)
        assert sorted(ended) == [0, 1]
        first = cfg.model_copy(update={"data_dir": folders[ended.index(0)] / "data"})
        assert in_warehouse(first)["orders"] == in_database(first)["orders"] != []
        assert runs.run(machines[ended.index(1)]) == 1
        assert in_warehouse(first)["orders"] == in_database(first)["orders"]


@pytest.mark.long
def test_machines_that_share_a_database_race_and_lose_nothing(on_seaweed, on_mariadb, runs, tmp_path):
    on_seaweed()
    cfg = on_mariadb()
    lying = [
        ("incoming/c_2025-10-13.csv", CUSTOMERS),
        *((f"incoming/o{n}_2025-11-1{n}.xml", d) for n, d in enumerate(DAYS)),
    ]
    machines = [machine(cfg, tmp_path / str(n), one) for n, one in enumerate(lying)]
    assert runs.at_once(machines) == [0, 0, 0]
    assert in_warehouse(cfg) == {
        name: rows for name, rows in in_database(cfg).items() if name != "deliveries"
    }
    assert len(warehouse.deliveries(cfg)) == 3
    assert {row[0] for row in in_warehouse(cfg)["orders"]} == {"O1", "O2"}


@pytest.mark.long
def test_a_publish_that_is_killed_goes_on_and_nothing_is_lost(on_seaweed, runs, tmp_path):
    log = tmp_path / "places"
    lying = [("incoming/c_2025-10-13.csv", CUSTOMERS), ("incoming/o_2025-10-13.xml", DAYS[0])]
    cfg = on_seaweed()
    assert runs.run(machine(cfg, tmp_path / "whole", *lying, **{failpoints.VARIABLE: f"{log}:0"})) == 0
    places = [line.partition(" ")[::2] for line in log.read_text().splitlines()]
    kills = [int(number) for number, place in places if "Delta commit" in place or "vacuuming" in place]
    assert len(kills) == 10
    for place in kills[::2]:
        cfg = on_seaweed()
        here = machine(cfg, tmp_path / str(place), *lying)
        dying = {**here, failpoints.VARIABLE: f"{log}:{place}"}
        assert runs.run(dying) == -9
        (tmp_path / str(place) / "data/incoming/o_2025-11-03.xml").write_bytes(DAYS[1])
        assert runs.run(here) == 0
        mine = cfg.model_copy(update={"data_dir": tmp_path / str(place) / "data"})
        found = in_database(mine)
        assert {row[0] for row in found["orders"]} == {"O1", "O2"}
        assert in_warehouse(mine) == {name: rows for name, rows in found.items() if name != "deliveries"}


@pytest.mark.long
def test_a_report_of_the_sample_from_and_to_buckets(on_seaweed, seaweed, reported, tmp_path):
    cfg = on_seaweed()
    data = tmp_path / "data"
    shutil.rmtree(data / "incoming")
    addresses = {
        "WAREHOUSE_URL": "s3:///warehouse",
        "PUBLISH_URL": "s3:///outputs",
        "INCOMING_URL": "s3:///in",
    }
    given = {name: os.environ[name] for name in os.environ if name.startswith(("AWS_", "S3_"))}
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, data)
    ended = command.report(data, **given, **addresses)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    there = seaweed.objects(cfg.s3_bucket, "outputs/")
    name = json.loads(there["outputs/latest.json"])["run"]
    published_ = {key.removeprefix(f"outputs/{name}/"): content for key, content in there.items()}
    outputs = Path(os.environ["OUTPUT_DIR"])
    listed = json.loads((outputs / "run.json").read_text())["files"]
    assert set(published_) - {"outputs/latest.json"} == {*listed, "run.json"}
    assert all(published_[file] == (outputs / file).read_bytes() for file in listed)
    kpis = [file for file in listed if file.startswith(("sql_", "pandas_"))]
    assert len(kpis) == 8
    for file in kpis:
        assert published_[file] == (reported.parent / "outputs" / file).read_bytes()
    assert not (data / "warehouse").exists()
    wrong = command.report(data, **{**given, "AWS_SECRET_ACCESS_KEY": "canary-7-in-a-key"}, **addresses)
    assert wrong.returncode == 1
    assert (
        f"cannot use s3://{cfg.s3_bucket}/warehouse at {cfg.aws_endpoint_url}: "
        "it does not know the keys: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ) in wrong.stderr
    assert "canary" not in wrong.stdout + wrong.stderr
