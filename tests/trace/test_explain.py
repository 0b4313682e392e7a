"""Every number explained: parts that add up to it, from the bytes that were delivered."""

import shutil
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lib import explained, reference, truth
from lib.drops import TODAY, customers, deliver, orders, repair, run

from akasa.kpis import engines, sql
from akasa.publish import holdings
from akasa.trace import answer, proof, question, story
from akasa.trace.delivered import Lost
from akasa.workspace.settings import ROOT, Settings

SAMPLE = ("customers.csv", "orders.xml")
LATER = ROOT / "tests/data/incoming"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample and its later day, published."""
    folder = tmp_path_factory.mktemp("sample")
    cfg = Settings(data_dir=folder / "data", output_dir=folder / "outputs")
    files = [(name, (ROOT / "data" / name).read_bytes()) for name in SAMPLE]
    deliver(cfg, *files, *((f"incoming/{one.name}", one.read_bytes()) for one in LATER.iterdir()))
    run(cfg)
    return cfg


def told(row):
    """Return (order, total, (delivery, record, line) of each line) of a row's orders."""
    return [
        (one["order_id"], one["total"], [(at["delivery"], at["record"], at["line"]) for at in one["lines"]])
        for one in row["orders"]
    ]


def left_out(row):
    return [
        (one["why"], one.get("order_id") or one.get("customer_id"), one["delivery"])
        for one in row["not_counted"]
    ]


def test_a_spender_is_the_corrected_order_and_not_the_one_it_replaced(sample):
    """CUST-007 ordered on 21 August, 12 October and 9 November; 13 October is the first day of the window."""
    row = explained.of(sample, "top_spenders", {"customer_id": "CUST-007"})
    day = "incoming/orders_2025-11-12.xml"
    assert row["value"]["total_spent"] == "9100.00"
    assert told(row) == [("ORD-2025-0031", "9100.00", [(day, 1, 3), (day, 2, 11), (day, 3, 19)])]
    assert row["orders"][0]["because"] == (
        "CUST-007 held 9176253804 from the first day on, by record 7 of customers.csv"
    )
    assert left_out(row) == [
        ("before the window", "ORD-2025-0004", "orders.xml"),
        ("before the window", "ORD-2025-0019", "orders.xml"),
        ("replaced", "ORD-2025-0031", "orders.xml"),
    ]
    assert row["adds_up"]


def test_a_customer_who_gave_a_number_away_keeps_the_orders_before(sample):
    row = explained.of(sample, "repeat_customers", {"customer_id": "CUST-018"})
    assert [(one["order_id"], one["customer_id"]) for one in row["orders"]] == [
        ("ORD-2025-0010", "CUST-018"),
        ("ORD-2025-0025", "CUST-018"),
    ]
    assert "until 2025-11-11" in row["orders"][0]["because"]
    (other,) = row["not_counted"]
    assert (other["why"], other["order_id"], other["customer_id"]) == (
        "another holder's",
        "ORD-2025-0035",
        "CUST-024",
    )


def test_a_month_has_what_was_turned_away_in_it(sample):
    row = explained.of(sample, "monthly_trends", {"year": 2025, "month": 10})
    assert row["value"] == {"year": 2025, "month": 10, "order_count": 10, "total_revenue": "180670.00"}
    assert len(row["orders"]) == 10
    assert [(one["record"], one["line"], one["reasons"]) for one in row["not_counted"]] == [
        (38, 304, ["conflicting_order"]),
        (39, 312, ["conflicting_order"]),
    ]


def test_a_region_has_its_customers_orders_each_line_once(sample):
    row = explained.of(sample, "regional_revenue", {"region": "North"})
    assert [one["order_id"][-4:] for one in row["orders"]] == ["0005", "0007", "0008", "0023", "0032", "0036"]
    assert row["value"]["total_revenue"] == "57220.00"
    (again,) = row["not_counted"]
    assert (again["why"], again["order_id"], again["record"]) == ("repeated", "ORD-2025-0005", 77)


def test_lines_are_those_of_the_files_bytes(sample):
    for kpi in question.KPIS:
        for row in explained.every(sample, kpi)["rows"]:
            for line in (line for one in row["orders"] for line in one["lines"]):
                assert explained.stands_there(sample, line)


@pytest.mark.parametrize("shape", ["daily", pytest.param("simple", marks=pytest.mark.long)])
def test_on_deliveries_of_known_truth_all_parts_add_up(workspace, shape):
    truth.build(workspace.data_dir, shape, 7, incoming=True)
    run(workspace)
    files = [path for path in workspace.data_dir.rglob("*") if path.suffix in (".csv", ".xml")]
    delivered = [(path.relative_to(workspace.data_dir).as_posix(), path.read_bytes()) for path in files]
    delivered = [one for one in delivered if not one[0].startswith(("rejects", "staging"))]
    explained.against_reference(workspace, reference.publish(delivered, run_date=TODAY))


MOBILES = ["9000000001", "9000000002", "9123456781", "6000000004"]
ROWS = st.tuples(
    st.sampled_from(["C-1", "C-2", "007"]), st.sampled_from(MOBILES[:3]), st.sampled_from(["North", "SOUTH"])
)
DAYS = ["2025-11-10 23:59:59", "2025-11-11 00:00", "2025-11-12", "2025-11-13 12:00", "2025-11-17 00:00"]
LINES = st.builds(
    lambda order_id, mobile, day, total, skus: [
        (order_id, mobile, day, s, n, total) for s, n in skus.items()
    ],
    st.sampled_from(["O-1", "O-2", "O-3", "0010"]),
    st.sampled_from(MOBILES),
    st.sampled_from(DAYS),
    st.sampled_from(["10.00", "Rs. 1,200.05", "9999999999999.99", "-5"]),
    st.dictionaries(st.sampled_from(["SKU-1", "SKU-2"]), st.integers(1, 3), min_size=1),
)
CSVS = st.lists(ROWS, min_size=1, max_size=3).map(lambda rows: customers(*rows))
XMLS = st.lists(LINES, min_size=1, max_size=4).map(lambda groups: orders(*(ln for g in groups for ln in g)))
DATES = ["2025-11-11", "2025-11-12", "2025-11-13", "2025-11-14"]
FOLDERS = st.fixed_dictionaries(
    {"customers.csv": CSVS, "orders.xml": XMLS},
    optional={
        **{f"incoming/c_{day}.csv": CSVS for day in DATES},
        **{f"incoming/o_{day}.xml": XMLS for day in DATES},
    },
)


def explained_everywhere(files):
    """Publish files, and hold all that is explained of them against the reference."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder) / "outputs")
        deliver(cfg, *files.items())
        run(cfg)
        known = reference.publish(list(files.items()), run_date=TODAY)
        if known["orders"]:
            explained.against_reference(cfg, known)
            explained.against_reference(cfg, known, as_of=date(2025, 11, 12), window_days=1)


# An example takes a second, and to shrink one that fails would take minutes.
few = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


@pytest.mark.slow
@settings(few, max_examples=3)
@given(FOLDERS)
def test_recycled_numbers_corrections_and_rejects_all_add_up(files):
    explained_everywhere(files)


@pytest.mark.long
@settings(few, max_examples=15)
@given(FOLDERS)
def test_many_such_folders_add_up(files):
    explained_everywhere(files)


def test_a_row_that_repeats_one_that_was_turned_away_claims_nothing():
    """The third row repeats the first, turned away with the second; the fifth one of a foreign number."""
    twice = (("007", "9123456781", "North"), ("007", "9000000001", "South"), ("007", "9123456781", "North"))
    foreign = ("C-9", "+1 9000000002", "North")
    numbers = ("9123456781", "9000000002")
    explained_everywhere(
        {
            "customers.csv": customers(*twice, foreign, foreign),
            "incoming/c_2025-11-12.csv": customers(("C-1", numbers[0], "North"), ("C-2", numbers[1], "East")),
            "orders.xml": orders(*((f"O-{n}", n, "2025-11-10", "SKU-1", 1, "5.00") for n in numbers)),
        }
    )


TO_BINA = ("incoming/c_2025-11-12.csv", customers(("C-2", "9000000001", "South")))
ASHA = ("customers.csv", customers(("C-1", "9000000001", "North")))
THREE = (
    "orders.xml",
    orders(*((f"O-{n}", "9000000001", f"2025-11-{n}", "SKU-1", 1, f"{n}.00") for n in (10, 11, 12))),
)


def test_holdings_that_both_engines_share_and_that_are_wrong_are_found(workspace, monkeypatch):
    """Bina is to hold the number from 11 November on; a fold that is a day late leaves Asha an order more."""
    true = holdings.fold

    def late(claims):
        found = true(claims)
        for column in ("from_day", "until_day"):
            found[column] = [
                day if day is None or day.year < 2000 else day + (day - day.replace(day=day.day - 1))
                for day in found[column]
            ]
        return found.astype({"from_day": "datetime64[s]", "until_day": "datetime64[s]"})

    deliver(workspace, ASHA, TO_BINA, THREE)
    monkeypatch.setattr(holdings, "fold", late)
    run(workspace)
    monkeypatch.setattr(holdings, "fold", true)
    both = engines.compute(workspace, "both", None) | engines.compute(workspace, "sql", None)
    assert len(both) == 3
    row = explained.of(workspace, "regional_revenue", {"region": "North"})
    assert not row["adds_up"]
    assert "total_revenue is 21.00 in what SQL computes now, but the lines come to 10.00" in " ".join(
        row["differences"]
    )
    assert any(one.startswith("O-11: it is published as C-1's, but C-2 held") for one in row["differences"])


def test_an_engine_that_gives_orders_to_the_present_holder_is_found(workspace, monkeypatch):
    deliver(workspace, ASHA, TO_BINA, THREE)
    run(workspace)
    true = sql.statement
    monkeypatch.setattr(
        sql, "statement", lambda kpi: true(kpi).replace("until_day is not null)", "until_day = '1')")
    )
    row = explained.of(workspace, "top_spenders", {"customer_id": "C-2"})
    assert row["value"]["total_spent"] == "33.00"
    assert row["differences"][:2] == [
        "order_count is 3 in what SQL computes now, but the lines come to 2",
        "total_spent is 33.00 in what SQL computes now, but the lines come to 23.00",
    ]


def test_without_the_file_lines_are_told_from_staging_and_without_staging_from_the_file(sample, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(sample.data_dir, data)
    cfg = Settings(data_dir=data, output_dir=tmp_path / "outputs")
    (data / "orders.xml").write_text("<orders/>")
    found = explained.every(cfg, "monthly_trends", {"month": 8})
    assert found["read_from"] == {"orders.xml": "staging, as its file has other bytes now"}
    (row,) = found["rows"]
    assert row["adds_up"]
    line = row["orders"][0]["lines"][0]
    assert (line["line"], line["raw"][:24]) == (None, "order_id ORD-2025-0001 ·")
    shutil.copy(sample.data_dir / "orders.xml", data)
    shutil.rmtree(data / "staging")
    assert explained.of(cfg, "monthly_trends", {"month": 8}) == explained.of(
        sample, "monthly_trends", {"month": 8}
    )


SPOILT = ("O-1", "9000000001", "2025-10-01", "S-1", "one", "30.00")


@pytest.fixture
def repaired(workspace):
    """Two days with records turned away, and a repair of both of orders, and of customers."""
    bad = [(name, *SPOILT[1:]) for name in ("O-1", "O-2")]
    day = "incoming/o_2025-11-11.xml"
    good = [("O-1", *SPOILT[1:4], 1, "30.00"), ("O-1", *SPOILT[1:3], "S-2", 1, "30.00")]
    other = ("O-2", *SPOILT[1:4], 1, "7.00")
    deliver(
        workspace,
        ("customers.csv", customers(("", "9000000001", "East"), ("C-2", "9000000002", "West"))),
        ("orders.xml", orders(bad[0])),
        (day, orders(bad[1])),
        ("incoming/c_2025-11-11.csv", customers(("", "9000000003", "East"))),
    )
    run(workspace)
    rows = "akasa_repairs,customer_id,mobile_number,customer_name,region\n"
    rows += "customers.csv#1,C-1,9000000001,Name of C-1,East\n"
    rows += "incoming/c_2025-11-11.csv#1,C-3,9000000003,Name of C-3,East\n"
    several = repair((f"{day}#1", other), ("orders.xml#1", good[0]), ("", good[1]))
    deliver(workspace, ("incoming/repair.xml", several), ("incoming/repair.csv", rows.encode()))
    run(workspace)
    return workspace


REPAIRED = [
    ("O-1", "30.00", [("incoming/repair.xml/orders.xml", 2, 3), ("incoming/repair.xml/orders.xml", 3, 4)]),
    ("O-2", "7.00", [("incoming/repair.xml/incoming/o_2025-11-11.xml", 1, 2)]),
]


def test_lines_of_a_repair_are_those_of_its_file_whatever_it_repairs(repaired):
    found = explained.every(repaired, "regional_revenue", {"region": "East"})
    (row,) = found["rows"]
    assert told(row) == REPAIRED
    assert set(found["read_from"].values()) == {"file"}
    assert row["adds_up"]
    assert row["orders"][0]["because"].endswith("by record 1 of incoming/repair.csv/customers.csv")
    line = row["orders"][0]["lines"][1]
    content = (repaired.incoming / "repair.xml").read_text().split("\n")
    assert line["raw"] == content[line["line"] - 1]


@pytest.mark.parametrize("most", [0, 200_000])
def test_a_part_of_a_repair_is_read_from_its_file_as_a_whole_too(repaired, monkeypatch, most):
    monkeypatch.setattr(proof, "MOST_SOUGHT", most)
    assert told(explained.of(repaired, "monthly_trends", {"month": 10})) == REPAIRED


def test_a_repair_under_another_name_is_read_there_and_without_what_was_read_of_it_named(repaired):
    (repaired.incoming / "repair.xml").rename(repaired.incoming / "mended.xml")
    run(repaired)
    found = explained.every(repaired, "regional_revenue", {"region": "East"})
    assert set(found["read_from"].values()) == {"file"}
    shutil.rmtree(repaired.staging)
    with pytest.raises(Lost, match=r"`make report` reads them again"):
        explained.every(repaired, "regional_revenue", {"region": "East"})


def test_of_a_large_file_lines_are_told_from_staging_unless_all_are_wanted(sample, monkeypatch):
    monkeypatch.setattr(answer, "FILE_BYTES", 10_000)
    found = explained.every(sample, "monthly_trends", {"month": 8})
    assert found["read_from"] == {"orders.xml": "staging, as its file has more than 0.01 MB"}
    whole = answer.explain(sample, question.ask(sample, "monthly_trends", {"month": 8}), whole=True)
    assert all(line.record.line for line in whole.lines())


@pytest.mark.parametrize("given", [{"as_of": "soon"}, {"window_days": 0}, {"top_n": -1}])
def test_what_makes_no_sense_is_not_asked(sample, given):
    with pytest.raises(question.NotAsked, match=next(iter(given))):
        question.ask(sample, "top_spenders", {}, **given)


def test_of_many_orders_the_first_are_told_and_all_by_delivery_and_day(sample, monkeypatch):
    monkeypatch.setattr(proof, "ALL_ORDERS", 5)
    monkeypatch.setattr(proof, "FIRST_ORDERS", 3)
    monkeypatch.setattr(proof, "MOST_SOUGHT", 2)
    (row,) = explained.every(sample, "monthly_trends", {"month": 10})["rows"]
    assert [one["order_id"][-4:] for one in row["orders"]] == ["0015", "0016", "0018"]
    assert (row["order_count"], row["adds_up"]) == (10, True)
    assert sum(day["orders"] for day in row["by_delivery_and_day"]) == 10


def test_versions_that_lay_under_one_name_are_told_apart(workspace):
    first = ("O-1", "9000000001", "2025-10-01", "S-1", 1, "30.00")
    deliver(workspace, ("customers.csv", customers(("C-1", "9000000001", "East"))))
    deliver(workspace, ("orders.xml", orders(first, ("O-2", *first[1:]))))
    run(workspace)
    deliver(workspace, ("orders.xml", orders((*first[:5], "31.00"))))
    deliver(workspace, ("customers.csv", customers(("C-1", "9000000001", "West"))))
    run(workspace)
    for thing, name in (("order", "O-1"), ("customer", "C-1")):
        told_ = story.tell(workspace, thing, name)
        assert [one["became"] for one in told_["events"]] == ["replaced", "stands"]
        assert "replaced by other bytes under its name" in story.text(told_)
    found = explained.every(workspace, "monthly_trends")
    assert found["read_from"] == {"orders.xml": "staging, as its file has other bytes now; file"}
    assert left_out(found["rows"][0]) == [("replaced", "O-1", "orders.xml")]
