"""What deliveries come to is the same whether all are in memory or a range of ids at a time."""

from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lib import agreement, reference
from lib.drops import TODAY, customers, deliver, no_audit, orders

from akasa.ingest import staging
from akasa.publish import fold, road, versions
from akasa.validate import gate, judging, kept, large
from akasa.validate.plan import Planned
from akasa.validate.rules import Parted
from akasa.validate.verdicts import Judged
from akasa.workspace import rows
from akasa.workspace.tables import CUSTOMER_ROW, KEYS, line_types

LINES = st.dictionaries(
    st.tuples(st.sampled_from(["A", "B", "C", "D", "é", "\U0001f600"]), st.sampled_from(["S1", "S2"])),
    st.integers(1, 3),
    max_size=9,
)
CUSTOMERS = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 3), max_size=6)


def judged(number, kind, accepted):
    delivery = Planned(f"{number}.xml", kind, f"{number:064d}", "new", f"{number}", TODAY)
    return Judged(delivery, Parted(accepted, pd.DataFrame(), 0, {}), 1)


def of_orders(number, lines):
    when = pd.Timestamp("2025-10-31 23:00") + timedelta(days=number)
    found = [
        (order, f"900000000{number}", when, when.normalize(), sku, count, 100 * number)
        for (order, sku), count in lines.items()
    ]
    return judged(number, "orders", pd.DataFrame(found, columns=list(line_types())).astype(line_types()))


def of_customers(number, ids):
    found = [(one, f"Name {count}", f"900000000{number}", "North") for one, count in ids.items()]
    return judged(number, "customers", pd.DataFrame(found, columns=list(CUSTOMER_ROW)).astype("str"))


@pytest.mark.parametrize("amount_is", ["order", "line"])
@pytest.mark.parametrize("examples", [6, pytest.param(20, marks=pytest.mark.long)])
def test_in_1_3_and_64_ranges(examples, amount_is, workspace, monkeypatch):
    cfg = workspace.model_copy(update={"amount_is": amount_is})
    monkeypatch.setattr(kept, "GROUP_ROWS", 2)

    @hypothesis_settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(LINES, max_size=4), st.lists(CUSTOMERS, max_size=3))
    def alike(of_days, of_bases):
        every = [of_orders(n, lines) for n, lines in enumerate(of_days, start=1)]
        every += [of_customers(n, ids) for n, ids in enumerate(of_bases, start=1)]
        at_once = versions.with_month(versions.latest(every, amount_is))
        away = [large.let_go(cfg, one) for one in every]
        lines = sum(map(len, of_days))
        for many in (1, 3, 64):
            monkeypatch.setattr(rows, "PART_ROWS", max(1, lines // many))
            for name, table in fold.weighed(cfg, away).items() if every else ():
                frames = [part.reset_index(drop=True) for part in rows.parts(table)]
                keys = [part[KEYS[name][0]] for part in frames if len(part)]
                assert all(one.max() < other.min() for one, other in pairwise(keys))
                expected = at_once[name].sort_values([*KEYS[name]], ignore_index=True)
                found = rows.whole(table)
                pd.testing.assert_frame_equal(found, expected[list(found)], check_dtype=True)
                assert len(table) == len(found)

    alike()


def days(count):
    """Return files of so many days, each of which corrects orders of the day before it."""
    for place in range(count):
        day = f"2025-11-{place + 1:02d}"
        lines = [
            (f"O-{number:02d}", f"90000000{number % 5:02d}", f"{day} 10:00", sku, 1, f"{place + 1}.50")
            for number in range(place * 6, place * 6 + 9)
            for sku in ("S-2", "S-1")
        ]
        yield f"incoming/orders_{day}.xml", orders(*lines, lines[0], ("", "12", day, "S-1", 1, "1"))
        names = [(f"C-{number}", f"90000000{(number + place) % 5:02d}", "North") for number in range(4)]
        yield f"incoming/customers_{day}.csv", customers(*names, names[0], ("C-9", "", "East"))


@pytest.mark.parametrize("part_rows", [1, 20])
def test_a_backlog_is_published_part_by_part_as_the_reference_has_it(workspace, monkeypatch, part_rows):
    monkeypatch.setattr(rows, "PART_ROWS", part_rows)
    monkeypatch.setattr(kept, "GROUP_ROWS", 4)
    files = list(days(4))
    lenient = workspace.model_copy(update={"max_reject_ratio": 1.0})
    known = []
    for again in (files[:6], files[6:]):
        deliver(workspace, *again)
        known += again
        staging.stage_all(workspace)
        road.publish(lenient, TODAY, auditor=no_audit)
        agreement.require(workspace, reference.publish(known, TODAY))
    assert not list((workspace.data_dir / ".run.rows").iterdir())


def test_of_a_backlog_no_delivery_stays_in_memory_and_the_quarantine_is_written_some_rows_at_a_time(
    workspace, monkeypatch
):
    bad = customers(*[(f"C-{number}", "", "North") for number in range(5)])
    deliver(workspace, *days(4), ("incoming/customers_2025-11-09.csv", bad))
    staging.stage_all(workspace)
    plan = road.plan(workspace, TODAY)
    at_once = judging.judge(workspace, plan)
    judging.write_quarantine(workspace, at_once)
    written = {file.name: file.read_bytes() for file in workspace.unpublished.iterdir()}
    monkeypatch.setattr(rows, "PART_ROWS", 70)  # the first deliveries fit
    monkeypatch.setattr(kept, "REJECTED_AT_ONCE", 1)
    away = judging.judge(workspace, plan)
    assert len(away) == len(written) == 9
    assert {type(one.records) for one in at_once} == {Parted}
    assert {type(one.records) for one in away} == {kept.Kept}
    assert max(len(list(one.records.rejected_parts())) for one in away) == 5
    judging.write_quarantine(workspace, away)
    assert {file.name: file.read_bytes() for file in workspace.unpublished.iterdir()} == written


def test_an_audit_in_parts_finds_what_is_wrong_in_any_of_them(workspace, monkeypatch):
    monkeypatch.setattr(rows, "PART_ROWS", 4)
    monkeypatch.setattr(kept, "GROUP_ROWS", 4)
    deliver(workspace, *days(2))
    staging.stage_all(workspace)
    plan = road.plan(workspace, TODAY)
    tables = road.weigh(workspace, plan, judging.judge(workspace, plan))
    assert len(list(rows.parts(tables["orders"]))) > 2
    whole = {name: rows.whole(table) for name, table in tables.items()}
    pd.testing.assert_frame_equal(gate.audit(tables), gate.audit(whole))
    spoilt = {**tables, "orders": Spoilt(tables["orders"])}
    found = gate.audit(spoilt).query("table == 'orders' and not success")
    assert found[["expectation", "unexpected"]].to_numpy().tolist() == [
        ["expect_column_values_to_be_between", len(whole["orders"])]
    ]


class Spoilt(rows.Rows):
    """Orders, each of less than nothing."""

    def __init__(self, table):
        super().__init__(table.file, table.count, table.typed, table.room)

    def parts(self, columns=None):
        return (part.assign(total_amount_paise=-1) for part in super().parts(columns))
