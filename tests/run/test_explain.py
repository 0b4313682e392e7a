"""`python -m akasa explain`: what it prints in each form, when it ends with 1 or 2, and what it then says."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict

import jsonschema
import pytest
from click.testing import CliRunner
from lib.drops import customers, deliver, orders, run

from akasa.__main__ import main
from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS
from akasa.stores import database
from akasa.workspace import settings as settings_
from akasa.workspace.settings import ROOT

SCHEMA = json.loads((ROOT / "docs/explain.schema.json").read_text("utf-8"))
KEYS = ["region=South"], ["year=2025", "month=10"], ["customer_id=CUST-018"], ["customer_id=CUST-007"]
KPIS = ("regional_revenue", "monthly_trends", "repeat_customers", "top_spenders")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The sample and its later day, published, in a folder that tests copy where they change it."""
    folder = tmp_path_factory.mktemp("published")
    cfg = settings_.Settings(data_dir=folder / "data", output_dir=folder / "outputs")
    files = [(name, (ROOT / "data" / name).read_bytes()) for name in ("customers.csv", "orders.xml")]
    later = ((f"incoming/{one.name}", one.read_bytes()) for one in (ROOT / "tests/data/incoming").iterdir())
    deliver(cfg, *files, *later)
    run(cfg)
    return folder


@pytest.fixture
def here(published, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(published / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(published / "outputs"))
    return settings_.load()


def asked(*arguments, status=0):
    result = CliRunner().invoke(main, ["explain", *arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.mark.usefixtures("here")
def test_who_has_seen_enough_is_told_no_error():
    nobody, to_nobody = os.pipe()
    os.close(nobody)
    command = [sys.executable, "-m", "akasa", "explain", "regional_revenue", "--format", "csv"]
    done = subprocess.run(command, stdout=to_nobody, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(to_nobody)
    assert (done.returncode, done.stderr) == (1, "")


def told(*arguments):
    return json.loads(asked(*arguments, "--format", "json").stdout)


@pytest.mark.parametrize(("kpi", "key"), [*zip(KPIS, KEYS, strict=True), *((kpi, []) for kpi in KPIS)])
def test_json_is_as_its_schema_says_and_csv_has_the_same_lines(here, kpi, key):
    found = told(kpi, *key)
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(found)] == []
    lines = defaultdict(list)
    for row in csv.DictReader(asked(kpi, *key, "--format", "csv").stdout.splitlines(keepends=True)):
        names = ("order_id", "order_date", "mobile_number", "customer_id", "total")
        place = row["delivery"], int(row["record"]), int(row["line"]), row["raw"]
        key_ = tuple(row[column] for column in DEFINITIONS[kpi].key)
        lines[(key_, *(row[name] for name in names))].append(place)
    assert lines == {
        (
            tuple(map(str, row["key"].values())),
            *(order[name] for name in ("order_id", "order_date", "mobile_number")),
            order["customer_id"] or "",
            order["total"],
        ): [tuple(line.values()) for line in order["lines"]]
        for row in found["rows"]
        for order in row["orders"]
    }


def test_people_read_whose_an_order_is_where_its_lines_stand_and_what_does_not_count(here):
    text = asked("repeat_customers", "customer_id=CUST-018").stdout
    for words in (
        "repeat_customers up to 2025-11-12, as in what SQL computes now",
        "ORD-2025-0025  2025-10-31  ₹6,230.00  CUST-018 held 9447013582 from the first day on until",
        "orders.xml, record 57, line 458: <order><order_id>ORD-2025-0025</order_id>",
        "ORD-2025-0035  2025-11-12  ₹5,850.00  in another holder's time, CUST-024's",
        "adds up: 2 orders, recomputed from the delivered lines to the paisa",
        "orders.xml: lines are read from file",
    ):
        assert words in text


WRONG = [
    (["regional_revnue"], "there is no KPI 'regional_revnue'; did you mean regional_revenue?"),
    (["regional_revenue", "regoin=South"], "no column 'regoin'; did you mean region?"),
    (["regional_revenue", "region=Suoth"], "no row with region=Suoth up to 2025-11-12; did you mean South?"),
    (["regional_revenue", "South"], "'South' is not COLUMN=VALUE"),
    (["monthly_trends", "year=2025", "month=1"], "no row with year=2025 month=1"),
    (["monthly_trends", "--as-of", "2025-13-01"], "not a day written YYYY-MM-DD"),
    (["monthly_trends", "--as-of", "2020-01-01"], "monthly_trends has no row up to 2020-01-01"),
    (["order", "ORD-1"], "no delivery that is published has the order 'ORD-1'"),
    (["customer"], "name the customer"),
    (["number", "9886743109", "--format", "csv"], "told as table or json"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_what_is_not_there_is_wrong_usage_and_answered_with_what_is(here, arguments, said):
    assert said in " ".join(asked(*arguments, status=2).output.split())


def test_a_kpi_of_the_users_own_is_told_that_it_cannot_be_explained(here, monkeypatch):
    monkeypatch.setitem(DEFINITIONS, "orders_by_weekday", DEFINITIONS["monthly_trends"])
    assert "orders_by_weekday cannot be explained" in asked("orders_by_weekday", status=2).output


def test_nothing_published_yet_and_a_server_that_is_away_are_said_in_a_sentence(workspace, monkeypatch):
    assert "nothing is published yet: `make report`" in asked("monthly_trends", status=1).output
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    monkeypatch.setenv("DB_PORT", "1")
    assert "check DB_HOST and DB_PORT" in asked("monthly_trends", status=1).output


def test_an_earlier_day_and_another_window_are_those_of_the_options(here):
    (october,) = told("monthly_trends", "month=10", "--as-of", "2025-10-12")["rows"]
    assert october["value"]["order_count"] == 4
    later = [one["order_date"] for one in october["not_counted"] if one["why"] == "after as_of"]
    assert len(later) == 6
    assert min(later) > "2025-10-12"
    found = told("top_spenders", "--window-days", "1", "--top-n", "5")
    assert (found["window_days"], [row["key"]["customer_id"] for row in found["rows"]]) == (
        1,
        ["CUST-023", "CUST-024"],
    )


def test_a_reported_value_that_the_lines_do_not_come_to_ends_with_1(published, tmp_path, monkeypatch):
    """Both engines' files agree in what is wrong: East has a paisa more, and an order more."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "outputs"))
    cfg = settings_.load()
    ledger = database.ledger(cfg)
    noted = ("kind", "sha256", "records", "accepted", "rejected")
    said = {"run": "R", "as_of": "2025-11-12", "window_days": 30, "top_n": 10, "files": {}}
    said |= {"deliveries": [{name: row[name] for name in noted} for row in ledger.to_dict("records")]}
    cfg.output_dir.mkdir(exist_ok=True)
    (cfg.output_dir / "run.json").write_text(json.dumps(said))
    true = told("regional_revenue", "region=East")["rows"][0]["value"]
    wrong = json.dumps([{**true, "order_count": true["order_count"] + 1, "total_revenue": "16229.51"}])
    file = cfg.output_dir / results.file_name("sql", "regional_revenue")
    file.write_text(re.sub(r'"(\d+\.\d\d)"', r"\1", wrong.replace("[{", "[\n{").replace("}]", "}\n]")))
    result = asked("regional_revenue", "region=East", status=1)
    assert "as in the report of run R" in result.output
    assert (
        "DOES NOT ADD UP: order_count is 4 in the report of run R, but the lines come to 3" in result.output
    )
    result = asked("regional_revenue", "region=East", "--format", "csv", status=1)
    assert "region=East does not add up" in result.stderr


def test_the_story_of_an_order_tells_every_version_and_what_became_of_it(here):
    found = told("order", "ORD-2025-0031")
    became = [(one["delivery"], one["line"], one["became"]) for one in found["events"]]
    assert became == [
        *(("orders.xml", line, "replaced") for line in (571, 579, 587)),
        *(("incoming/orders_2025-11-12.xml", line, "stands") for line in (3, 11, 19)),
    ]
    assert (found["order_count"], found["total"]) == (1, "9100.00")
    text = asked("order", "ORD-2025-0031").stdout
    assert "orders.xml, record 71, line 571" in text
    assert "replaced by incoming/orders_2025-11-12.xml" in text


def test_the_story_of_a_number_tells_its_holders_and_whose_each_order_is(here):
    found = told("number", "+91 94470 13582")
    assert [(one["customer_id"], one["from_day"], one["until_day"]) for one in found["holdings"]] == [
        ("CUST-018", None, "2025-11-11"),
        ("CUST-024", "2025-11-11", None),
    ]
    assert [one["customer_id"] for one in found["orders"]] == ["CUST-018", "CUST-018", "CUST-024"]


def test_the_story_of_a_customer_tells_rows_that_were_turned_away(here):
    (away, stands) = told("customer", "CUST-022")["events"]
    assert (away["became"], away["reasons"], away["line"]) == ("rejected", ["malformed_record"], 23)
    assert (stands["became"], stands["raw"]) == ("stands", 'CUST-022,"Qureshi, Farhan",7709315846,West')


def test_masked_no_mobile_number_is_shown_in_any_form(here, monkeypatch):
    monkeypatch.setenv("MASK_PII", "1")
    numbers = set(re.findall(r"[6-9]\d{9}", (here.data_dir / "orders.xml").read_text()))
    for arguments in (
        ["repeat_customers"],
        ["monthly_trends", "--format", "json"],
        ["regional_revenue", "--format", "csv"],
        ["customer", "CUST-018"],
        ["order", "ORD-2025-0031", "--format", "json"],
        ["number", "9447013582"],
    ):
        shown = asked(*arguments).stdout
        assert not [number for number in numbers if number in shown], arguments
        assert "94xxxxxx82" in shown or "order" in arguments


def test_lost_judgements_and_records_are_named_with_the_way_out(published, tmp_path, monkeypatch):
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    data = tmp_path / "data"
    shutil.rmtree(data / "judged")
    assert (
        asked("top_spenders", "customer_id=CUST-007").exit_code == 0
    )  # data/rejects has what was turned away
    shutil.rmtree(data / "rejects")
    assert "`make backfill` judges it again" in asked("top_spenders", status=1).output
    shutil.copytree(published / "data/judged", data / "judged")
    shutil.rmtree(data / "staging")
    (data / "orders.xml").unlink()
    said = asked("monthly_trends", "month=8", status=1).output
    assert "what was read of it is not in data/staging" in said
    assert "put its bytes back" in said


def test_amounts_of_lines_are_summed(workspace, monkeypatch):
    monkeypatch.setenv("AMOUNT_IS", "line")
    cfg = settings_.load()
    lines = [
        ("O-1", "9000000001", "2025-11-10", sku, 1, total) for sku, total in (("A", "1.25"), ("B", "2.50"))
    ]
    deliver(cfg, ("customers.csv", customers(("C-1", "9000000001", "North"))), ("orders.xml", orders(*lines)))
    run(cfg)
    (row,) = told("regional_revenue")["rows"]
    assert (row["orders"][0]["total"], row["adds_up"]) == ("3.75", True)


@pytest.mark.long
def test_deliveries_in_a_bucket_are_read_from_there_and_from_staging_where_they_are_gone(on_moto, moto):
    cfg = on_moto(INCOMING_URL="s3:///incoming/")
    bucket = moto.client()
    content = orders(("O-1", "9000000001", "2025-11-10", "SKU-1", 1, "5.00"))
    there = {"Bucket": cfg.s3_bucket, "Key": "incoming/o_2025-11-11.xml"}
    bucket.put_object(**there, Body=content)
    deliver(cfg, ("customers.csv", customers(("C-1", "9000000001", "North"))))
    run(cfg)
    found = told("monthly_trends")
    assert found["read_from"] == {"incoming/o_2025-11-11.xml": "file"}
    assert found["rows"][0]["orders"][0]["lines"][0]["line"] == 1
    bucket.put_object(**there, Body=content + b"\n")
    assert told("monthly_trends")["read_from"] == {
        "incoming/o_2025-11-11.xml": "staging, as its file has other bytes now"
    }
    bucket.delete_object(**there)
    assert told("monthly_trends")["read_from"] == {
        "incoming/o_2025-11-11.xml": "staging, as its object is gone"
    }
