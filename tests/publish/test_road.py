"""From deliveries to published rows: whatever the order of deliveries and runs, the same content."""

import contextvars
import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import strategies as st
from lib import reference, stores
from lib.agreement import plain, published
from lib.drops import TODAY, customers, deliver, no_audit, orders, run
from lib.worlds import in_few, in_many

from akasa.ingest import deliveries, staging
from akasa.publish import database_load, road, versions, warehouse_merge
from akasa.stores import database, lock, migrate, warehouse
from akasa.validate import cleaning, gate, judging, plan, quarantine, rules, verdicts
from akasa.validate.rules import Parted
from akasa.workspace.settings import Settings

pytestmark = pytest.mark.usefixtures("migrated")


ASHA = customers(("C-1", "9000000001", "North"))
ASHA_MOVED = customers(("C-1", "9000000001", "South"))
OCTOBER = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"))
NOVEMBER_LINE = ("O-1", "9000000001", "2025-11-12 10:00", "SKU-2", 2, "20.00")
NOVEMBER = orders(NOVEMBER_LINE)


def run_with(cfg, *deliveries):
    deliver(cfg, *deliveries)
    return run(cfg)


def expected(deliveries, **options):
    """Return what the reference publishes of deliveries, in the form of `published`."""
    return plain(reference.publish(deliveries, run_date=TODAY, **options))


# Small worlds, so that deliveries overlap: three customers, four numbers, three orders.

MOBILES = ["9000000001", "9000000002", "9123456781", "6000000004"]
CUSTOMERS = st.tuples(
    st.sampled_from(["C-1", "C-2", "007"]), st.sampled_from(MOBILES[:3]), st.sampled_from(["North", "South"])
)
DAYS = ["2025-09-30 23:59:59", "2025-10-01 00:00", "2025-10-31", "2025-11-16 12:00", "2025-11-17 00:00"]
LINES = st.builds(
    lambda order_id, mobile, day, total, skus: [
        (order_id, mobile, day, s, n, total) for s, n in skus.items()
    ],
    st.sampled_from(["O-1", "O-2", "0010"]),
    st.sampled_from(MOBILES),
    st.sampled_from(DAYS),
    st.sampled_from(["10.00", "0.05", "9999999999999.99"]),
    st.dictionaries(st.sampled_from(["SKU-1", "SKU-2"]), st.integers(1, 3), min_size=1),
)
CSVS = st.lists(CUSTOMERS, min_size=1, max_size=3).map(lambda rows: customers(*rows))
XMLS = st.lists(LINES, min_size=1, max_size=3).map(lambda groups: orders(*(ln for g in groups for ln in g)))
STEMS = ["2025-10-01", "20251114", "a", "z"]
CSV_NAMES = ["customers.csv", *(f"incoming/c-{stem}.csv" for stem in STEMS)]
XML_NAMES = ["orders.xml", *(f"incoming/o-{stem}.xml" for stem in STEMS)]


@st.composite
def named(draw, names, contents):
    """Draw names, each with one of a few contents: the same bytes come under several names."""
    pool = draw(st.lists(contents, min_size=1, max_size=3))
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    return [(name, draw(st.sampled_from(pool))) for name in chosen]


@st.composite
def arrangements(draw):
    """Draw deliveries in some order, cut into runs; before a run, files may be gone, and come again."""
    deliveries = draw(st.permutations(draw(named(CSV_NAMES, CSVS)) + draw(named(XML_NAMES, XMLS))))
    cuts = sorted(draw(st.sets(st.integers(1, len(deliveries) - 1), max_size=2)))
    parts = [deliveries[a:b] for a, b in zip([0, *cuts], [*cuts, len(deliveries)], strict=True)]
    again = draw(st.lists(st.sampled_from(deliveries), max_size=2, unique=True))
    return [*parts, again] if again else parts, draw(st.booleans())


def digest(content):
    return hashlib.sha256(content).hexdigest()


def fresh(folder):
    return Settings(data_dir=Path(folder) / "data", output_dir=Path(folder) / "outputs")


def contents(cfg):
    """Return every row of both stores; of the ledger all but when it was published."""
    return stores.rows(cfg), stores.in_database(cfg)["deliveries"]


def ends_in_the_same_content(arrangement):
    parts, keep = arrangement
    deliveries = [delivery for part in parts for delivery in part]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        spread, at_once = fresh(folder), fresh(other)
        for part in parts:
            if not keep:
                shutil.rmtree(spread.incoming, ignore_errors=True)
            run_with(spread, *part)
        run_with(at_once, *deliveries)
        assert published(spread) == expected(deliveries)
        assert contents(spread) == contents(at_once)
        assert set(run(spread).values()) <= {"repeat", "published"}


@in_few(arrangements())
def test_any_order_repetition_and_spreading_over_runs_end_in_the_same_content(arrangement):
    ends_in_the_same_content(arrangement)


@in_many(arrangements())
def test_many_arrangements_end_in_the_same_content(arrangement):
    ends_in_the_same_content(arrangement)


# Corrections: each delivery is a run of its own, and any of a few contents comes under any of a few names.

CONTENTS = {
    "csv": [ASHA, ASHA_MOVED, customers(("C-2", "9000000001", "East"), ("C-1", "9000000002", "North"))],
    "xml": [OCTOBER, NOVEMBER, orders(("O-1", "9000000002", "2025-10-12 10:00", "SKU-1", 3, "30.00"))],
}
CORRECTION = st.one_of(
    st.tuples(st.sampled_from(names), st.sampled_from(CONTENTS[kind]))
    for kind, names in (
        ("csv", ["customers.csv", "incoming/c.csv", "incoming/d.csv"]),
        ("xml", ["orders.xml", "incoming/o-2025-11-11.xml", "incoming/z.xml"]),
    )
)
CORRECTIONS = st.lists(CORRECTION, min_size=2, max_size=6)


def corrections_win(deliveries):
    with tempfile.TemporaryDirectory() as folder:
        cfg = fresh(folder)
        for delivery in deliveries:
            run_with(cfg, delivery)
        assert published(cfg) == expected(deliveries)
        assert set(run(cfg).values()) <= {"repeat", "published"}


@in_few(CORRECTIONS)
def test_corrections_win_over_their_predecessors(deliveries):
    corrections_win(deliveries)


@in_many(CORRECTIONS)
def test_many_corrections_win_over_their_predecessors(deliveries):
    corrections_win(deliveries)


def test_the_same_bytes_under_a_later_name_win_again(workspace):
    run_with(workspace, ("incoming/o-a.xml", OCTOBER), ("incoming/o-b.xml", NOVEMBER))
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 20_00
    statuses = run_with(workspace, ("incoming/o-c.xml", OCTOBER))
    assert statuses == {"incoming/o-b.xml": "repeat", "incoming/o-c.xml": "again"}
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 10_00
    assert run(workspace) == {"incoming/o-b.xml": "repeat", "incoming/o-c.xml": "repeat"}


def test_the_same_bytes_under_an_earlier_name_change_nothing(workspace):
    run_with(workspace, ("incoming/o-c.xml", OCTOBER), ("incoming/o-b.xml", NOVEMBER))
    before, files = contents(workspace), warehouse.files("orders", workspace)
    statuses = run_with(workspace, ("incoming/o-a.xml", OCTOBER))
    assert statuses == {"incoming/o-b.xml": "repeat", "incoming/o-c.xml": "repeat"}
    assert (contents(workspace), warehouse.files("orders", workspace)) == (before, files)


def test_it_is_said_what_goes_back_to_old_bytes(workspace, capsys):
    """Of three orders O-1 was replaced and O-3 will be again: only O-1 goes back, while O-2 never left."""
    other = (("O-2", *NOVEMBER_LINE[1:]), ("O-3", *NOVEMBER_LINE[1:]))
    old = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"), *other)
    days = {11: old, 12: NOVEMBER, 14: orders(("O-3", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "30.00"))}
    run_with(workspace, *((f"incoming/o_2025-11-{day}.xml", content) for day, content in days.items()))
    deliver(workspace, ("incoming/o_2025-11-13.xml", old))
    run(workspace)
    said = "note: incoming/o_2025-11-13.xml has the bytes of incoming/o_2025-11-11.xml; orders that go back"
    assert capsys.readouterr().err == f"{said} to them: 1\n"
    totals = {key: order["total_amount_paise"] for key, order in published(workspace)["orders"].items()}
    assert totals == {"O-1": 10_00, "O-2": 20_00, "O-3": 30_00}


def test_old_bytes_in_the_place_of_their_correction_win_back(workspace):
    """A feed overwrites a file, and then puts the first version back."""
    for content, status in ((OCTOBER, "new"), (NOVEMBER, "new"), (OCTOBER, "again"), (OCTOBER, "repeat")):
        statuses = run_with(workspace, ("orders.xml", content))
        assert statuses["orders.xml"] == status
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 10_00


def test_a_feed_that_overwrites_and_archives_gives_what_its_archive_gives(workspace, tmp_path):
    """Day by day orders.xml is overwritten and a dated copy kept: the copies alone give the same."""
    days = [("2025-11-11", OCTOBER), ("2025-11-12", NOVEMBER), ("2025-11-13", OCTOBER)]
    for day, content in days:
        run_with(workspace, ("orders.xml", content), (f"incoming/orders_{day}.xml", content))
    found = published(workspace)["orders"]
    scratch = fresh(tmp_path / "scratch")
    run_with(scratch, *((f"incoming/orders_{day}.xml", content) for day, content in days))
    assert found == published(scratch)["orders"]
    assert found["O-1"]["total_amount_paise"] == 10_00


def test_bytes_seen_at_a_place_of_another_day_are_judged_for_it(workspace):
    """The order is of 12 October: too late for a delivery of the 1st, not for one of 15 November."""
    run_with(workspace, ("incoming/o-2025-10-01.xml", OCTOBER))
    assert published(workspace)["orders"] == {}
    assert [file.name.split(".")[0] for file in workspace.quarantine.iterdir()] == ["o-2025-10-01"]
    assert run_with(workspace, ("incoming/o.xml", OCTOBER)) == {"incoming/o.xml": "again"}
    assert list(published(workspace)["orders"]) == ["O-1"]
    assert list(workspace.quarantine.iterdir()) == []


def test_bytes_at_a_later_place_of_an_earlier_day_lose_what_is_too_late_for_it(workspace):
    """On 10 October, the order of the 12th is a future one: what it had replaced stands again."""
    run_with(workspace, ("incoming/o-2025-10-20.xml", NOVEMBER.replace(b"2025-11-12", b"2025-10-11")))
    run_with(workspace, ("incoming/o-2025-10-21.xml", OCTOBER))
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 10_00
    deliver(workspace, ("incoming/undated.xml", OCTOBER))
    assert run(workspace, date(2025, 10, 10))["incoming/undated.xml"] == "again"
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 20_00


def test_an_undated_file_keeps_the_day_on_which_it_was_first_seen(workspace):
    """The order is of 16 November: too late for TODAY=2025-11-14. A run of another day gives the same."""
    late = orders(("O-1", "9000000001", "2025-11-16 10:00", "SKU-1", 1, "10.00"))
    deliver(workspace, ("incoming/o.xml", late))
    for today, status in (("2025-11-14", "new"), ("2025-11-30", "repeat")):
        cfg = workspace.model_copy(update={"today": date.fromisoformat(today)})
        assert run(cfg, None) == {"incoming/o.xml": status}
        assert published(cfg)["orders"] == {}
        assert database.ledger(cfg)["delivered_on"].tolist() == ["2025-11-14"]
    (workspace.data_dir / "akasa.db").unlink()
    run(cfg, None)
    assert list(published(cfg)["orders"]) == ["O-1"]


MANY_BAD = orders(*((f"O-{n}", "12345", "2025-10-12 10:00", "SKU-1", 1, "10.00") for n in range(3)))


def test_a_run_that_the_gate_stops_shows_its_rejects_and_leaves_those_of_what_is_published(workspace):
    """Seen at a place of another day, the published delivery would have nothing rejected any more."""
    run_with(workspace, ("incoming/o-2025-10-01.xml", OCTOBER))
    (before,) = workspace.quarantine.iterdir()
    deliver(workspace, ("incoming/o.xml", OCTOBER), ("incoming/bad.xml", MANY_BAD))
    staging.stage_all(workspace)
    with pytest.raises(gate.GateStopped, match="3 of 3 records were rejected"):
        road.publish(workspace, TODAY, auditor=no_audit)
    (shown,) = workspace.unpublished.iterdir()
    assert quarantine.read(shown)["order_id"].tolist() == ["O-0", "O-1", "O-2"]
    assert sorted(workspace.quarantine.iterdir()) == [before, workspace.unpublished]
    (workspace.incoming / "bad.xml").unlink()
    assert run(workspace) == {"incoming/o.xml": "again"}
    assert list(workspace.quarantine.iterdir()) == []


def test_a_lost_quarantine_file_is_made_again_and_follows_its_delivery_s_name(workspace):
    run_with(workspace, ("incoming/b.xml", MANY_BAD))
    (file,) = workspace.quarantine.iterdir()
    content = file.read_bytes()
    file.unlink()
    run(workspace)
    assert file.read_bytes() == content
    run_with(workspace, ("incoming/c.xml", MANY_BAD))
    (renamed,) = workspace.quarantine.iterdir()
    assert quarantine.read(renamed)["delivery"].unique().tolist() == ["incoming/c.xml"]


def test_a_judgement_that_was_not_committed_is_dropped(workspace, monkeypatch):
    run_with(workspace, ("orders.xml", OCTOBER))
    with monkeypatch.context() as during:
        during.setattr(database_load, "merge", lambda *rest: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_with(workspace, ("incoming/bad.xml", MANY_BAD))
    assert verdicts.any_prepared(workspace)
    (workspace.incoming / "bad.xml").unlink()
    run(workspace)
    assert [file.name for file in workspace.judged.iterdir()] == [f"orders-{digest(OCTOBER)}"]
    assert not list(workspace.quarantine.iterdir())


def test_a_judgement_that_was_committed_stands_though_the_run_was_cut_short(workspace, monkeypatch):
    with monkeypatch.context() as during:
        during.setattr(road, "settle", lambda settings: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_with(workspace, ("incoming/o-a.xml", OCTOBER), ("incoming/o-b.xml", MANY_BAD))
    (workspace.incoming / "o-b.xml").unlink()
    shutil.rmtree(workspace.staging)
    monkeypatch.setattr(cleaning, "NATIONAL_NUMBER", "[78][0-9]{9}")
    assert run_with(workspace, ("incoming/o-c.xml", OCTOBER))["incoming/o-c.xml"] == "again"
    assert list(published(workspace)["orders"]) == ["O-1"]
    (file,) = workspace.quarantine.iterdir()
    assert len(quarantine.read(file)) == 3


def test_the_database_is_brought_up_with_the_publish_s_lock_and_only_where_it_is_behind(
    tmp_path, monkeypatch
):
    cfg, taken = fresh(tmp_path / "other"), []
    deliver(cfg, ("orders.xml", OCTOBER))
    staging.stage_all(cfg)
    upgrade, hold = migrate.upgrade, lock.publish

    @contextmanager
    def noted(settings):
        with hold(settings):
            taken.append("lock")
            yield
            taken.append("free")

    monkeypatch.setattr(lock, "publish", noted)
    monkeypatch.setattr(migrate, "upgrade", lambda settings: taken.append("upgrade") or upgrade(settings))
    road.plan(cfg, TODAY)
    assert taken == ["lock", "upgrade", "free"]
    road.plan(cfg, TODAY)
    assert taken == ["lock", "upgrade", "free"]


def test_a_delivery_that_comes_again_is_taken_as_it_was_judged(workspace, monkeypatch):
    run_with(workspace, ("incoming/o-a.xml", OCTOBER), ("incoming/o-b.xml", NOVEMBER))
    monkeypatch.setattr(cleaning, "NATIONAL_NUMBER", "[78][0-9]{9}")
    then = rules.RULES_VERSION
    monkeypatch.setattr(rules, "RULES_VERSION", then + 1)
    deliver(workspace, ("incoming/o-d.xml", TWO_LINES))
    assert run_with(workspace, ("incoming/o-c.xml", OCTOBER))["incoming/o-c.xml"] == "again"
    assert published(workspace)["orders"]["O-1"]["total_amount_paise"] == 10_00
    noted = database.ledger(workspace).set_index("name")["rules_version"]
    assert noted.to_dict() == {
        "incoming/o-b.xml": then,
        "incoming/o-c.xml": then,
        "incoming/o-d.xml": then + 1,
    }


def test_a_correction_wins_and_what_it_leaves_out_stays(workspace):
    both = customers(("C-1", "9000000001", "North"), ("C-2", "9000000002", "East"))
    run_with(workspace, ("customers.csv", both))
    assert run_with(workspace, ("customers.csv", ASHA_MOVED)) == {"customers.csv": "new"}
    regions = {key: row["region"] for key, row in published(workspace)["customers"].items()}
    assert regions == {"C-1": "South", "C-2": "East"}
    places = [deliveries.position(0, None, "customers", revision) for revision in (0, 1)]
    assert database.ledger(workspace)["position"].tolist() == places


def test_a_base_file_has_its_place_whatever_it_is_called(workspace):
    """What comes under another name corrects what came before, as if the name had been the same."""
    for name, content in [("z.csv", ASHA), ("a.csv", ASHA_MOVED)]:
        cfg = workspace.model_copy(update={"customers_csv_path": workspace.data_dir / name})
        run_with(cfg, (name, content))
    assert published(cfg)["customers"]["C-1"]["region"] == "South"


def test_a_correction_does_not_move_when_its_predecessor_s_bytes_get_another_name(workspace):
    for delivery in [
        ("incoming/c-b.csv", ASHA),
        ("incoming/c-b.csv", ASHA_MOVED),
        ("incoming/c-a.csv", ASHA),
    ]:
        run_with(workspace, delivery)
    assert run(workspace) == {"incoming/c-b.csv": "repeat"}
    assert published(workspace)["customers"]["C-1"]["region"] == "South"


def test_a_csv_under_the_name_of_an_xml_blocks_nothing(workspace):
    deliveries = [("orders.xml", OCTOBER), ("incoming/b-2025-11-12.csv", ASHA)]
    run_with(workspace, *deliveries, ("incoming/a-2025-11-11.xml", ASHA))
    assert run(workspace) == {"orders.xml": "repeat", "incoming/b-2025-11-12.csv": "repeat"}
    assert published(workspace) == expected(deliveries)


def test_rows_of_a_file_that_is_gone_stay(workspace):
    run_with(workspace, ("incoming/o-a.xml", OCTOBER), ("customers.csv", ASHA))
    (workspace.incoming / "o-a.xml").unlink()
    assert run(workspace) == {"customers.csv": "repeat", "incoming/o-a.xml": "published"}
    assert list(published(workspace)["orders"]) == ["O-1"]


def test_a_kill_between_database_and_warehouse_is_levelled_by_the_next_commit(workspace):
    run_with(workspace, ("customers.csv", ASHA), ("orders.xml", OCTOBER))
    deliver(workspace, ("customers.csv", ASHA_MOVED), ("incoming/o.xml", NOVEMBER))
    staging.stage_all(workspace)
    planned = road.plan(workspace, TODAY)
    found = judging.judge(workspace, planned)
    entries = [road.ledger_row(one, workspace, datetime(2025, 11, 15)) for one in found]
    tables = {**versions.latest(found, "order"), "holdings": stores.tables()["holdings"]}
    database_load.merge(workspace, tables, entries, planned.rows)
    assert stores.in_warehouse(workspace)["customers"][0][3] == "North"
    assert "new" not in run(workspace).values()
    found = published(workspace)
    assert found["customers"]["C-1"]["region"] == "South"
    assert found["orders"]["O-1"]["total_amount_paise"] == 20_00


def test_a_commit_that_fails_in_the_warehouse_is_levelled_by_the_next(workspace, monkeypatch):
    with monkeypatch.context() as during:
        during.setattr(warehouse_merge, "rebuild", lambda *rest, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_with(workspace, ("customers.csv", ASHA))
    assert run(workspace) == {"customers.csv": "repeat"}
    assert list(published(workspace)["customers"]) == ["C-1"]


@pytest.mark.parametrize("lost", ["", "customers", "orders", "order_items", "holdings", "deliveries"])
def test_a_warehouse_or_table_that_was_deleted_is_made_again(workspace, lost):
    deliveries = [("customers.csv", ASHA), ("orders.xml", OCTOBER), ("incoming/o.xml", NOVEMBER)]
    run_with(workspace, *deliveries)
    shutil.rmtree(workspace.warehouse / lost)
    run(workspace)
    assert published(workspace) == expected(deliveries)


def test_a_warehouse_of_another_database_is_made_anew(workspace):
    run_with(workspace, ("customers.csv", ASHA), ("incoming/o.xml", OCTOBER))
    (workspace.data_dir / "akasa.db").unlink()
    (workspace.incoming / "o.xml").unlink()
    run(workspace)
    assert published(workspace) == expected([("customers.csv", ASHA)])


def test_a_new_database_for_the_same_deliveries_makes_the_warehouse_anew(workspace):
    """Whoever starts over with another AMOUNT_IS deletes the database, and may not think of the warehouse."""
    run_with(workspace, ("orders.xml", TWO_LINES))
    (workspace.data_dir / "akasa.db").unlink()
    per_line = workspace.model_copy(update={"amount_is": "line"})
    run(per_line)
    assert published(per_line)["orders"]["O-1"]["total_amount_paise"] == 20_00


TWO_LINES = orders(
    ("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"),
    ("O-1", "9000000001", "2025-10-12 10:00", "SKU-2", 1, "10.00"),
)


@pytest.mark.parametrize(("amount_is", "total"), [("order", 10_00), ("line", 20_00)])
def test_amounts_are_of_the_order_or_of_its_lines(workspace, amount_is, total):
    cfg = workspace.model_copy(update={"amount_is": amount_is})
    run_with(cfg, ("orders.xml", TWO_LINES))
    found = published(cfg)
    assert found["orders"]["O-1"]["total_amount_paise"] == total
    assert found == expected([("orders.xml", TWO_LINES)], amount_is=amount_is)


def test_amounts_of_another_kind_are_refused_on_a_filled_database(workspace):
    run_with(workspace, ("orders.xml", OCTOBER))
    before = contents(workspace)
    with pytest.raises(ValueError, match="published with AMOUNT_IS=order"):
        run(workspace.model_copy(update={"amount_is": "line"}))
    assert contents(workspace) == before


def test_nothing_new_writes_nothing(workspace):
    run_with(workspace, ("customers.csv", ASHA), ("orders.xml", OCTOBER))

    def versions():
        logs = sorted(path.name for path in workspace.warehouse.glob("*/_delta_log/*.json"))
        return logs, database.ledger(workspace)["published_at"].tolist()

    before = versions()
    run(workspace)
    assert versions() == before


def test_a_delivery_of_which_all_is_rejected_is_in_the_ledger_alone(workspace):
    bad = orders(("O-1", "12345", "2025-10-12 10:00", "SKU-1", 1, "10.00"))
    run_with(workspace, ("orders.xml", OCTOBER))
    run_with(workspace, ("incoming/o-a.xml", bad), ("incoming/o-b.xml", bad.replace(b"12345", b"54321")))
    found = published(workspace)
    assert found["orders"]["O-1"]["delivery"] == "orders.xml"
    assert [(row["accepted"], row["rejected"]) for row in found["ledger"]] == [(1, 0), (0, 1), (0, 1)]


def test_plan_table_lists_deliveries_in_their_order(workspace):
    deliver(
        workspace,
        ("incoming/o-z.xml", NOVEMBER),
        ("incoming/o-2025-11-30.xml", OCTOBER),
        ("customers.csv", ASHA),
    )
    staging.stage_all(workspace)
    planned = road.plan(workspace, TODAY)
    assert planned.table.values.tolist() == [
        ["customers.csv", "customers", "new"],
        ["incoming/o-2025-11-30.xml", "orders", "new"],
        ["incoming/o-z.xml", "orders", "new"],
    ]
    assert [one.delivered_on for one in planned] == [TODAY, date(2025, 11, 30), TODAY]


def judged(cfg, *deliveries):
    deliver(cfg, *deliveries)
    staging.stage_all(cfg)
    planned = road.plan(cfg, TODAY)
    return planned, [judging.judge_one(cfg, one) for one in planned]


THREE_ROWS = customers(("C-1", "9000000001", "North"), ("C-2", "12345", "East"), ("C-3", "9000000003", " "))


def test_counts_and_rejected_records_are_shown_by_delivery(workspace):
    _, assessed = judged(workspace, ("customers.csv", THREE_ROWS), ("orders.xml", OCTOBER))
    assert judging.counts(assessed).values.tolist() == [
        ["customers.csv", "new", 3, 2, 1, 0],
        ["orders.xml", "new", 1, 1, 0, 0],
    ]
    shown = judging.rejected(assessed, "customers")
    assert shown[["delivery", "record", "reasons", "customer_id", "mobile_number"]].values.tolist() == [
        ["customers.csv", 2, "invalid_mobile_number", "C-2", "12345"]
    ]
    assert len(judging.rejected(assessed, "orders")) == len(judging.rejected([], "orders")) == 0
    assert judging.warnings(assessed) == ["customers.csv: 1 customer with missing region, now Unknown"]


STRAY = customers(*((f"C-{n}", f"90000000{n:02d}", "North") for n in range(40)))
STRAY = STRAY.replace(b"Name of C-3,", b'"Name of C-3,').replace(b"Name of C-13,", b'Name of C-13",')


def test_the_gate_weighs_the_lines_that_a_stray_quote_swallowed(workspace):
    """One of 30 records is rejected, which is few; it has 11 of 40 lines."""
    _, assessed = judged(workspace, ("customers.csv", STRAY), ("orders.xml", OCTOBER))
    counts = judging.counts(assessed)
    assert counts[["records", "rejected", "lines", "rejected_lines"]].to_numpy().tolist() == [
        [30, 1, 40, 11],
        [1, 0, 1, 0],
    ]
    with pytest.raises(gate.GateStopped, match=r"^customers\.csv: 11 of 40 lines were rejected \(27\.5%"):
        road.publish(workspace, TODAY)
    assert database.ledger(workspace).empty
    (file,) = workspace.unpublished.iterdir()
    (record,) = quarantine.read(file).to_dict("records")
    assert record["detail"] == "lines 5 to 15 are one record: is a quote on line 5 not closed?"
    assert record["raw"].startswith('C-3,"Name of C-3,')


def test_a_verdict_remembers_lines(workspace):
    _, (of_customers, _) = judged(workspace, ("customers.csv", STRAY), ("orders.xml", OCTOBER))
    verdicts.prepare(workspace, of_customers, datetime(2025, 11, 15))
    verdicts.put_in_place(workspace, of_customers.delivery)
    recalled = verdicts.recall(workspace, of_customers.delivery).records
    assert (recalled.lines, recalled.rejected_lines) == (40, 11)


def test_what_was_dropped_is_told(workspace):
    marked = THREE_ROWS.replace(b"C-1,", "\u200bC-1,".encode()).replace(b"C-2,", "C-2\u00ad,".encode())
    _, assessed = judged(workspace, ("customers.csv", marked), ("orders.xml", OCTOBER))
    assert judging.warnings(assessed) == [
        "customers.csv: 1 customer with missing region, now Unknown",
        "customers.csv: 2 records with invisible characters, which were dropped",
    ]


def test_quarantine_files_hold_the_rejected_records_of_each_delivery(workspace):
    _, assessed = judged(workspace, ("customers.csv", THREE_ROWS), ("orders.xml", OCTOBER))
    for one in assessed:
        judging.quarantine_published(workspace, one)
    (file,) = workspace.quarantine.iterdir()
    (record,) = quarantine.read(file).to_dict("records")
    assert (record["delivery"], record["record"], record["customer_id"]) == ("customers.csv", "2", "C-2")


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_a_delivery_may_have_a_name_as_long_as_file_systems_take(workspace, letter):
    stem = letter * (240 // len(letter.encode()))  # with its day and ending: 255 bytes
    run_with(workspace, (f"incoming/{stem}_2025-11-12.csv", THREE_ROWS), ("orders.xml", OCTOBER))
    assert run(workspace) == {"orders.xml": "repeat", f"incoming/{stem}_2025-11-12.csv": "repeat"}
    (file,) = workspace.quarantine.iterdir()
    assert quarantine.read(file)["delivery"].tolist() == [f"incoming/{stem}_2025-11-12.csv"]


def test_a_record_that_is_lost_is_noticed(workspace):
    planned, (one,) = judged(workspace, ("customers.csv", THREE_ROWS))
    judging.require_all_accounted([one], planned.records)
    found = one.records
    lost = Parted(found.accepted.iloc[1:], found.rejected, found.repeats, found.warnings)
    with pytest.raises(AssertionError, match=r"customers\.csv: 2 of 3 records"):
        judging.require_all_accounted([replace(one, records=lost)], planned.records)


def test_latest_takes_each_order_whole_from_its_latest_delivery(workspace):
    _, assessed = judged(workspace, ("incoming/o-b.xml", TWO_LINES), ("incoming/o-c.xml", NOVEMBER))
    tables = versions.latest(list(reversed(assessed)), "order")
    assert tables["orders"]["total_amount_paise"].tolist() == [20_00]
    assert tables["order_items"]["sku_id"].tolist() == ["SKU-2"]
    assert len(tables["customers"]) == 0


def test_what_is_audited_is_the_new_rows_or_else_all_that_was_published(workspace, monkeypatch):
    _, assessed = judged(workspace, ("customers.csv", ASHA))
    new = versions.latest(assessed, "order")
    seen = []
    monkeypatch.setattr(gate, "audit", lambda tables, cfg, whose: seen.append((tables, whose)))
    road.audit(workspace, new, audit_all=True)
    run(workspace)
    nothing = versions.latest([], "order")
    road.audit(workspace, nothing)
    road.audit(workspace, nothing, audit_all=True)
    assert [len(tables["customers"]) for tables, _ in seen] == [1, 0, 1]
    assert [whose for _, whose in seen] == [["customers.csv"], [], []]


def test_a_delivery_is_numbered_by_its_first_sixty_bits():
    one = plan.Planned("orders.xml", "orders", "f" * 15 + "0" * 49, "new", "0", TODAY)
    assert one.delivery_id == 2**60 - 1


def test_today_is_the_business_s_day(workspace):
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
    days = [plan.today(workspace.model_copy(update={"business_timezone": zone})) for zone in zones]
    assert pd.Timedelta(days[0] - days[1]) >= pd.Timedelta(days=1)


def test_a_plan_that_was_overtaken_publishes_nothing(workspace):
    deliver(workspace, ("incoming/o-a.xml", OCTOBER))
    staging.stage_all(workspace)
    overtaken = road.plan(workspace, TODAY)
    judged = judging.judge(workspace, overtaken)
    run_with(workspace, ("customers.csv", ASHA))
    before = contents(workspace)
    with pytest.raises(road.Overtaken, match="others have published since"):
        road.commit(workspace, overtaken, judged, versions.latest(judged, "order"))
    assert contents(workspace) == before


def test_publishing_by_hand_waits_for_a_run(workspace):
    deliver(workspace, ("incoming/o-a.xml", OCTOBER))
    staging.stage_all(workspace)
    plan = road.plan(workspace, TODAY)
    judged = judging.judge(workspace, plan)
    impatient = workspace.model_copy(update={"lock_timeout": 0.1})
    elsewhere = contextvars.Context()
    with lock.run(workspace), pytest.raises(lock.Busy):
        elsewhere.run(road.commit, impatient, plan, judged, versions.latest(judged, "order"))
    assert database.ledger(workspace).empty
