"""Whatever is delivered, corrected, taken back or asked for: of every row that moved, the causes add up.

The rows are those of the KPI files of two runs, compared here; the causes are added up here, too.
"""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lib import compared
from lib.drops import customers, deliver, orders, repair

from akasa.kpis.definitions import DEFINITIONS
from akasa.publish import backfill, withdraw
from akasa.stores import database, migrate
from akasa.validate import gate, rules
from akasa.workspace.settings import load

ADDED = {
    "monthly_trends": ("order_count", "total_revenue"),
    "regional_revenue": ("customer_count", "order_count", "total_revenue"),
    "repeat_customers": ("order_count",),
    "top_spenders": ("order_count", "total_spent"),
}
NUMBERS = [f"900000000{n}" for n in range(1, 5)]
LINE = st.tuples(
    st.sampled_from([f"O-{n}" for n in range(1, 9)]),
    st.sampled_from(NUMBERS),
    st.sampled_from(["2025-10-01", "2025-10-13", "2025-11-01 10:00", "2025-11-10", "2025-11-12"]),
    st.sampled_from(["S-1", "S-2"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["10.00", "20.00", "30.55", "no"]),
)
ROW = st.tuples(
    st.sampled_from(["C-1", "C-2", "C-3", "C-4"]),
    st.sampled_from(NUMBERS),
    st.sampled_from(["North", "South", "Unmatched"]),
)
XML = st.tuples(
    st.sampled_from(["orders.xml", "incoming/o_2025-11-11.xml", "incoming/o_2025-11-12.xml"]),
    st.lists(LINE, min_size=1, max_size=6).map(lambda lines: orders(*lines)),
)
MARKS = st.sampled_from(["", "orders.xml#1", "incoming/o_2025-11-11.xml#1"])
REPAIR = st.tuples(
    st.sampled_from(["incoming/repair.xml", "incoming/repair_2.xml"]),
    st.lists(st.tuples(MARKS, LINE), min_size=1, max_size=4).map(lambda lines: repair(*lines)),
)
CSV = st.tuples(
    st.sampled_from(["customers.csv", "incoming/c_2025-11-02.csv", "incoming/c_2025-11-12.csv"]),
    st.lists(ROW, min_size=1, max_size=4).map(lambda rows: customers(*rows)),
)
DAY = st.lists(st.one_of(XML, CSV, REPAIR, st.just("withdraw"), st.just("derive")), min_size=1, max_size=4)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "as_of": st.sampled_from(["2025-10-31", "2025-11-10", "2025-11-30"]),
        "window_days": st.sampled_from([1, 12]),
        "top_n": st.sampled_from([1, 2]),
    },
)
FIRST = st.tuples(XML, CSV).map(list)
DAYS = st.tuples(st.tuples(FIRST, ASKED), st.lists(st.tuples(DAY, ASKED), min_size=1, max_size=3)).map(
    lambda days: [days[0], *days[1]]
)


def workspace(folder):
    for name in ("data/incoming", "outputs"):
        (folder / name).mkdir(parents=True)
    cfg = load(data_dir=folder / "data", output_dir=folder / "outputs", max_reject_ratio=1.0)
    migrate.upgrade(cfg)
    return cfg


def live(cfg, day):
    """Do to a workspace what a day brings, a withdrawal or a backfill after what came before it."""
    for thing in day:
        if isinstance(thing, tuple):
            deliver(cfg, thing)
            continue
        compared.drops.run(cfg)
        ledger = database.ledger(cfg)
        if thing == "withdraw" and len(ledger) > 1:
            with contextlib.suppress(withdraw.TakenBack):
                withdraw.commit(cfg, withdraw.derive(cfg, ledger["name"].iloc[-1]))
        if thing == "derive":
            derive_without(cfg, "O-1")
    compared.drops.run(cfg)


def derive_without(cfg, order):
    """Derive all again, under rules by which one order is not accepted."""

    def judged(raw, clean, *more):
        parted = judge(raw, clean, *more)
        accepted = parted.accepted[parted.accepted["order_id"] != order].reset_index(drop=True)
        gone = len(parted.accepted) - len(accepted)
        return dataclasses.replace(parted, accepted=accepted, repeats=parted.repeats + gone)

    judge = rules.judge_orders
    with (
        mock.patch.object(rules, "judge_orders", judged),
        mock.patch.object(rules, "RULES_VERSION", rules.RULES_VERSION + 1),
        mock.patch.object(gate, "audit", compared.drops.no_audit),
    ):
        backfill.commit(cfg, backfill.derive_all(cfg))


def amounts(row, outside, columns):
    shown = row if row is not None else outside or {}
    return {column: Decimal(str(shown.get(column, 0))) for column in columns}


def require_added_up(found, before, after):
    assert found["unexplained"] == []
    assert found["lost"] == []
    for kpi in found["kpis"]:
        columns = ADDED[kpi["kpi"]]
        told = {tuple(map(str, row["key"].values())): row for row in kpi["rows"]}
        sides = [rows_of(kpi["kpi"], one) for one in (before, after)]
        moved = {key for key in {*sides[0], *sides[1]} if sides[0].get(key) != sides[1].get(key)}
        assert set(told) == moved
        for key, row in told.items():
            assert [row["before"], row["after"]] == [side.get(key) for side in sides]
            then = amounts(row["before"], row.get("outside_before"), columns)
            now = amounts(row["after"], row.get("outside_after"), columns)
            sums = {c: sum(Decimal(str(cause.get(c, 0))) for cause in row["causes"]) for c in columns}
            assert {c: now[c] - then[c] for c in columns} == sums, (kpi["kpi"], key, row)


def rows_of(kpi, proof):
    """Return the rows of a KPI by key, their values as changes.json has them."""
    definition = DEFINITIONS[kpi]
    found = {}
    for row in proof.results["sql"][kpi].to_dict("records"):
        key = tuple(str(row[name]) for name in definition.key)
        found[key] = {
            n: shown(definition.columns[n], row[n]) for n in definition.columns if n not in definition.key
        }
    return found


def shown(kind, value):
    if kind == "paise":
        return f"{Decimal(int(value)) / 100:.2f}"
    return int(value) if kind == "count" else str(value)[:10] if kind == "date" else value


def compare_days(days):
    folder = Path(tempfile.mkdtemp())
    try:
        cfg = workspace(folder)
        before = None
        for number, (day, asked) in enumerate(days):
            live(cfg, day)
            now = compared.proof(cfg, **asked)
            found = compared.compared(cfg, f"run {number}", **asked)
            if found["before"] and found["before"]["run"] == f"run {number - 1}":
                require_added_up(found, before, now)
            before = now
    finally:
        shutil.rmtree(folder)


QUIET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
}


@pytest.mark.long
@settings(max_examples=int(os.environ.get("CHANGES_EXAMPLES", 15)), **QUIET)
@given(DAYS)
def test_causes_add_up_whatever_happens(days):
    compare_days(days)


def test_causes_add_up():
    """A correction, a customer who moves, a number that passes, a day that is asked for, and a withdrawal."""
    first = [
        (
            "orders.xml",
            orders(*((f"O-{n}", NUMBERS[n % 4], "2025-10-13", "S-1", "1", "10.00") for n in range(6))),
        ),
        ("customers.csv", customers(("C-1", NUMBERS[0], "North"), ("C-2", NUMBERS[1], "South"))),
    ]
    second = [
        (
            "incoming/o_2025-11-12.xml",
            orders(
                ("O-1", NUMBERS[1], "2025-10-13", "S-1", "1", "30.55"),
                ("O-2", NUMBERS[0], "2025-11-10", "S-1", "1", "10.00"),
                ("O-7", NUMBERS[0], "2025-11-10", "S-1", "1", "20.00"),
            ),
        ),
        ("incoming/c_2025-11-02.csv", customers(("C-2", NUMBERS[1], "North"), ("C-3", NUMBERS[0], "South"))),
    ]
    compare_days([(first, {}), (second, {}), (["withdraw"], {"as_of": "2025-10-31", "top_n": 1})])
