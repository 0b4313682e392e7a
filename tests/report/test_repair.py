"""What is turned away, exported, mended and delivered again: as if it had come right at once."""

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lib.agreement import published
from lib.drops import TODAY, customers, deliver, no_audit, orders, run

from akasa.ingest import parting, staging
from akasa.ingest.readers import RefusedDelivery
from akasa.kpis import engines
from akasa.publish import backfill, road, withdraw
from akasa.report import repair, turned_away
from akasa.run import reject_list
from akasa.stores import database, migrate
from akasa.validate import judging
from akasa.validate import plan as planning
from akasa.validate.rules import REASONS
from akasa.workspace.settings import Settings

pytestmark = pytest.mark.usefixtures("migrated")

ASHA, BINA, CHITRA, DEV = "9000000001", "9000000002", "9000000003", "9000000004"
WHEN = "2025-11-11 10:00"
FIRST, SECOND = ("O-1", ASHA, WHEN, "S-1", 1, "30.00"), ("O-1", ASHA, WHEN, "S-2", 2, "30.00")
TWO = orders(FIRST, SECOND).decode()
NEW = "customer_id,customer_name,mobile_number,region\nC-3,Chitra,9000000003,East\n"
SINGLE = orders(SECOND).decode()
DAY = {"orders": "incoming/orders_2025-11-12.xml", "customers": "incoming/customers_2025-11-12.csv"}


@dataclass(frozen=True)
class Case:
    """A delivery that is right, and what is written instead of what, at its last place, to spoil it."""

    reason: str
    right: str
    good: str
    bad: str
    amount_is: str = "order"

    @property
    def kind(self) -> str:
        return "orders" if self.right.startswith("<") else "customers"

    @property
    def wrong(self) -> str:
        return replaced(self.right, self.good, self.bad)

    def mended(self, exported: str) -> str:
        return replaced(exported, self.bad, self.good)


def replaced(text: str, old: str, new: str) -> str:
    before, there, behind = text.rpartition(old)
    assert there, f"{old} is not in {text}"
    return before + new + behind


def element(name: str, value: object) -> str:
    return f"<{name}>{value}</{name}>"


def without(reason: str, right: str, name: str, value: object, instead: str = "") -> Case:
    return Case(reason, right, element(name, value), element(name, instead))


MOST = "92233720368547758.07"
TWICE = element("sku_count", 2) + element("sku_count", 3)
CASES = [
    Case("malformed_record", TWO, element("sku_count", 2), TWICE),
    Case("malformed_record", NEW, "9000000003,East", "9000000003,East,x"),
    Case("malformed_record", NEW, "C-3,Chitra", '"C-3"x,Chi,tra'),
    Case("malformed_record", NEW, "Chitra", "Chi\x00tra"),
    Case("missing_customer_id", NEW, "C-3,Chitra", ",Chitra"),
    without("missing_order_id", TWO, "order_id", "O-1"),
    without("missing_mobile_number", SINGLE, "mobile_number", ASHA),
    Case("missing_mobile_number", NEW, CHITRA, " "),
    without("missing_order_date_time", SINGLE, "order_date_time", WHEN),
    without("missing_sku_id", TWO, "sku_id", "S-2"),
    without("missing_sku_count", TWO, "sku_count", 2),
    without("missing_total_amount", TWO, "total_amount", "30.00"),
    without("invalid_mobile_number", SINGLE, "mobile_number", ASHA, "12345"),
    Case("invalid_mobile_number", NEW, CHITRA, '"12, 345"'),
    without("invalid_order_date_time", SINGLE, "order_date_time", WHEN, "11/31/2025"),
    without("invalid_sku_count", TWO, "sku_count", 2, "two &amp; a half"),
    without("invalid_total_amount", SINGLE, "total_amount", "30.00", "1e3"),
    Case(
        "invalid_total_amount", TWO, element("total_amount", "30.00"), element("total_amount", MOST), "line"
    ),
    without("future_order", SINGLE, "order_date_time", WHEN, "2025-12-11 10:00"),
    Case("conflicting_customer", NEW + "C-3,Chitra,9000000003,East\n", "East", "West"),
    Case("shared_mobile_number", NEW + f"C-4,Dev,{DEV},East\n", DEV, CHITRA),
    without("conflicting_order", TWO, "total_amount", "30.00", "31.00"),
    without("conflicting_sku", TWO, "sku_id", "S-2", "S-1"),
    Case(
        "repeated_line",
        orders(FIRST, (*FIRST[:3], "S-2", *FIRST[4:])).decode(),
        element("sku_id", "S-2"),
        element("sku_id", "S-1"),
        "line",
    ),
    without("order_rejected", TWO, "sku_id", "S-2"),
]


def world(cfg: Settings, days: dict[str, str]) -> None:
    """Deliver some customers and orders, and beside them a day of a kind or both; publish them."""
    deliver(
        cfg,
        ("customers.csv", customers(("C-1", ASHA, "North"), ("C-2", BINA, "South"))),
        ("orders.xml", orders(("O-0", BINA, "2025-10-01", "S-1", 1, "5.00"))),
        ("incoming/orders_2025-11-10.xml", orders(("O-9", CHITRA, "2025-11-11", "S-1", 1, "7.00"))),
        *((DAY[kind], content.encode()) for kind, content in days.items()),
        ("incoming/orders_2025-11-13.xml", orders(("O-2", DEV, "2025-11-12", "S-1", 1, "9.00"))),
    )
    run(cfg)


def standing(cfg: Settings) -> dict[str, object]:
    """Return what is published, whichever delivery it came by, and the KPIs of it."""
    found = published(cfg)
    rows = {
        table: {key: {f: v for f, v in row.items() if f != "delivery"} for key, row in found[table].items()}
        for table in ("customers", "orders")
    }
    frames = engines.compute(cfg, "sql", database.latest_order_date(cfg), 30, 10)["sql"]
    kpis = {kpi: frame.to_dict("records") for kpi, frame in frames.items()}
    return {**rows, "holdings": found["holdings"], "kpis": kpis}


def told(cfg: Settings, *options: str) -> list[dict[str, object]]:
    """Return what the command lists, as JSON."""
    found = reject_list.choice(state := turned_away.look(cfg), *(options or (None, None)), False)
    return list(json.loads("".join(reject_list.as_json(state, found))))


def still_open(cfg: Settings) -> int:
    return turned_away.counts(turned_away.look(cfg))[1]


def export(cfg: Settings, kind: str, to: Path, **choice: object) -> repair.Exported:
    chosen = reject_list.Choice(**choice)  # type: ignore[arg-type]
    return repair.export(turned_away.look(cfg), kind, chosen.of, to)


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    """Another workspace, in which all came right at once."""
    found = Settings(data_dir=tmp_path / "other", output_dir=tmp_path / "other-outputs")
    found.data_dir.mkdir()
    migrate.upgrade(found)
    return found


def test_every_reason_has_a_case() -> None:
    assert {case.reason for case in CASES} == set(REASONS)


@pytest.mark.parametrize("amount_is", ["order", "line"])
def test_what_is_mended_stands_as_if_it_had_come_right(
    amount_is: str, workspace: Settings, other: Settings, tmp_path: Path
) -> None:
    """All cases in one day of orders and one of customers; `long` has each alone."""
    cases = [own(case, n) for n, case in enumerate(CASES) if case.amount_is == amount_is]
    workspace, other = (cfg.model_copy(update={"amount_is": amount_is}) for cfg in (workspace, other))
    for cfg, content in ((other, [one.right for one in cases]), (workspace, [one.wrong for one in cases])):
        world(cfg, {kind: joined(kind, content) for kind in DAY})
    assert standing(workspace) != standing(other)
    for kind, name in DAY.items():
        theirs = [one for one in cases if one.kind == kind]
        listed = [row for row in told(workspace) if row["delivery"] == name]
        assert all(row["open"] for row in listed)
        reasons = [set(row["reasons"]) for row in listed]
        assert {case.reason for case in theirs} <= set().union(*reasons)
        to = tmp_path / f"repair{Path(name).suffix}"
        export(workspace, kind, to)
        if theirs:
            mended = mend(to.read_bytes().decode(), theirs)
            deliver(workspace, (f"incoming/{to.name}", mended.encode()))
    run(workspace)
    assert [row for row in told(workspace) if row["open"]] == []
    assert standing(workspace) == standing(other)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.reason}-{case.kind}")
def test_each_alone_that_is_mended_stands_as_if_it_had_come_right(
    case: Case, workspace: Settings, other: Settings, tmp_path: Path
) -> None:
    workspace, other = (cfg.model_copy(update={"amount_is": case.amount_is}) for cfg in (workspace, other))
    world(other, {case.kind: case.right})
    world(workspace, {case.kind: case.wrong})
    assert standing(workspace) != standing(other)
    listed = [row for row in told(workspace) if row["delivery"] == DAY[case.kind]]
    assert any(case.reason in row["reasons"] for row in listed)
    to = tmp_path / f"repair{Path(DAY[case.kind]).suffix}"
    export(workspace, case.kind, to, reason=case.reason)
    deliver(workspace, (f"incoming/{to.name}", case.mended(to.read_bytes().decode()).encode()))
    run(workspace)
    assert [row for row in told(workspace) if row["open"]] == []
    assert standing(workspace) == standing(other)


def own(case: Case, number: int) -> Case:
    """Return a case whose ids and numbers no other has."""
    texts = {f: re.sub("(?<=[OC]-)", f"{number:02}", getattr(case, f)) for f in ("right", "good", "bad")}
    mobiles = {f: text.replace("900000000", f"9000{number:02}000") for f, text in texts.items()}
    return replace(case, **mobiles)


def joined(kind: str, contents: list[str]) -> str:
    """Return the deliveries of a kind as one."""
    if kind == "orders":
        return "<orders>" + "".join(one[8:-9] for one in contents if one.startswith("<")) + "</orders>"
    header, *_ = NEW.splitlines(keepends=True)
    return header + "".join(one.removeprefix(header) for one in contents if not one.startswith("<"))


def mend(exported: str, cases: list[Case]) -> str:
    """Mend each case in the records that are its own: they stand in the order of the cases."""
    head, *pieces = re.split(r"(?m)^(?=  <!-- |incoming/customers)", exported)
    numbers = [int(re.search(r"#(\d+)", piece)[1]) for piece in pieces]  # type: ignore[index]
    found, done = head, 0
    for case in cases:
        records = case.wrong.count("<order>") or len(case.wrong.splitlines()) - 1
        mine = [piece for n, piece in zip(numbers, pieces, strict=True) if done < n <= done + records]
        found, done = found + case.mended("".join(mine)), done + records
    return found if "</orders>" not in exported or "</orders>" in found else f"{found}</orders>\n"


# Where a repair stands.


def marked(*records: tuple[str, tuple[object, ...]]) -> bytes:
    """Return the bytes of a repair of orders: of each record its mark (none: empty) and its fields."""
    text = orders(*(fields for _, fields in records)).decode()
    head, *parts = text.split("<order>")
    names = [f"<order>{element('akasa_repairs', mark) if mark else ''}" for mark, _ in records]
    return (head + "".join(n + p for n, p in zip(names, parts, strict=True))).encode()


BAD = ("O-1", ASHA, WHEN, "S-1", 0, "10.00")
GOOD, NEWER = ("O-1", ASHA, WHEN, "S-1", 1, "10.00"), ("O-1", ASHA, WHEN, "S-1", 7, "70.00")
D10, D11, D12 = (f"incoming/orders_2025-11-{day}.xml" for day in (10, 11, 12))


def count(cfg: Settings) -> dict[str, int]:
    """Return the count of each order's first line."""
    found = database.query("select order_id, sku_count from order_items order by sku_id desc", cfg)
    return dict(zip(found["order_id"], found["sku_count"].astype(int), strict=True))


@pytest.mark.parametrize("first", ["the repair", "the newer version"])
def test_a_newer_version_survives_the_repair_of_an_older_one_whichever_comes_first(
    first: str, workspace: Settings
) -> None:
    deliver(workspace, (D10, orders(BAD)))
    run(workspace)
    late = [("incoming/repair.xml", marked((f"{D10}#1", GOOD))), (D11, orders(NEWER))]
    for one in late if first == "the repair" else reversed(late):
        deliver(workspace, one)
        run(workspace)
    assert count(workspace) == {"O-1": 7}
    assert still_open(workspace) == 0


@pytest.mark.long
def test_a_repair_stands_before_what_came_behind_the_repaired_one_on_the_same_day(
    workspace: Settings,
) -> None:
    again = D10.replace(".xml", " (1).xml")
    repaired = (
        "incoming/a 2025-12-31.xml",
        marked((f"{D10}#1", GOOD), ("orders.xml#1", GOOD)),
    )
    base = orders(BAD, ("A", *GOOD[1:]))
    deliver(workspace, ("orders.xml", base), (D10, orders(BAD)), (again, orders(NEWER)), repaired)
    run(workspace)
    assert count(workspace) == {"A": 1, "O-1": 7}
    assert list(database.ledger(workspace)["name"]) == ["orders.xml", D10, f"{repaired[0]}/{D10}", again]


@pytest.mark.long
def test_bytes_that_took_the_place_of_the_repaired_ones_stand_behind_the_repair(workspace: Settings) -> None:
    for content in (orders(BAD), orders(NEWER)):
        deliver(workspace, (D10, content))
        run(workspace)
    deliver(workspace, ("incoming/repair.xml", marked((f"{D10}#1", GOOD))))
    run(workspace)
    assert count(workspace) == {"O-1": 7}
    deliver(workspace, ("incoming/repair2.xml", marked((f"{D10}#1.1", GOOD))))
    run(workspace)
    assert count(workspace) == {"O-1": 1}


def test_a_file_that_repairs_several_deliveries_is_one_behind_each(workspace: Settings) -> None:
    deliver(
        workspace,
        ("orders.xml", orders(("A", *BAD[1:]), ("B", *BAD[1:]))),
        (D11, orders(("B", *NEWER[1:]), ("C", *BAD[1:]))),
        (D12, orders(("A", *NEWER[1:]))),
    )
    run(workspace)
    repaired = marked(
        ("orders.xml#1", ("A", *GOOD[1:])),
        ("orders.xml#2", ("B", *GOOD[1:])),
        (f"{D11}#2", ("C", *GOOD[1:])),
        ("", ("C", *GOOD[1:3], "S-0", 5, "10.00")),
        ("", ("D", *GOOD[1:])),
    )
    deliver(workspace, ("incoming/repair.xml", repaired))
    run(workspace)
    assert count(workspace) == {"A": 7, "B": 7, "C": 5, "D": 1}
    ledger = database.ledger(workspace)
    assert list(ledger["name"])[-1] == "incoming/repair.xml"
    assert ledger["records"].sum() == 2 + 2 + 1 + 5
    assert staging.read_manifest(workspace).warnings == (
        "incoming/repair.xml has no day in its name that is understood, so it stands behind all dated ones: "
        "put its day there",
    )
    assert set(run(workspace).values()) == {"repeat"}


def test_a_repair_that_is_renamed_or_copied_has_the_names_that_it_lies_under(workspace: Settings) -> None:
    deliver(workspace, (D10, orders(BAD)), (D11, orders(("B", *BAD[1:]))))
    run(workspace)
    several = marked((f"{D10}#1", GOOD), (f"{D11}#1", ("B", *GOOD[1:])), ("", ("D", *GOOD[1:])))
    deliver(workspace, ("incoming/repair.xml", several))
    run(workspace)
    (workspace.incoming / "repair.xml").rename(workspace.incoming / "mended.xml")
    deliver(workspace, ("incoming/again.xml", several))
    run(workspace)
    seen = {one for one in database.sightings(workspace)["name"] if one.count("/") > 1}
    files = ("incoming/repair.xml", "incoming/mended.xml", "incoming/again.xml")
    assert seen == {f"{file}/{day}" for file in files for day in (D10, D11)}
    assert count(workspace) == {"O-1": 1, "B": 1, "D": 1}
    assert still_open(workspace) == 0


def test_customers_claim_their_numbers_from_the_day_of_what_is_repaired(workspace: Settings) -> None:
    """Bina's number is Chitra's from the 11th; the repair comes on the 15th, of a file without a day."""
    undated = "incoming/customers_new.csv"
    deliver(
        workspace,
        (undated, customers(("C-3", "12", "East"))),
        ("customers.csv", customers(("C-2", BINA, "S"))),
    )
    run(workspace, TODAY.replace(day=12))
    repaired = (
        f"akasa_repairs,customer_id,customer_name,mobile_number,region\n{undated}#1,C-3,C,{BINA},East\n"
    )
    deliver(workspace, ("incoming/repair.csv", repaired.encode()))
    run(workspace, TODAY)
    held = database.query("select customer_id, from_day from holdings order by from_day", workspace)
    assert [tuple(map(str, row)) for row in held.itertuples(index=False)] == [
        ("C-2", "1000-01-01"),
        ("C-3", "2025-11-11"),
    ]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (marked(("orders.xml", GOOD)), "record 1: akasa_repairs says 'orders.xml', which names no record"),
        (b"customer_id,akasa_repairs,customer_name,mobile_number,region\n", "is to be the first one"),
    ],
)
def test_marks_that_say_nothing_are_refused(content: bytes, cause: str, workspace: Settings) -> None:
    ending = "xml" if content.startswith(b"<") else "csv"
    deliver(workspace, (f"incoming/repair.{ending}", content))
    (refused,) = staging.stage_all(workspace).refused
    assert refused.startswith(f"incoming/repair.{ending}")
    assert cause in refused


@pytest.mark.long
def test_a_repair_can_be_withdrawn_and_what_it_closed_is_open_again(workspace: Settings) -> None:
    deliver(workspace, (D10, orders(BAD)), (D11, orders(("B", *BAD[1:]))))
    run(workspace)
    deliver(workspace, ("incoming/repair.xml", marked((f"{D10}#1", GOOD), (f"{D11}#1", ("B", *GOOD[1:])))))
    run(workspace)
    assert still_open(workspace) == 0
    withdraw.commit(workspace, withdraw.derive(workspace, f"incoming/repair.xml/{D10}"))
    assert [(row["delivery"], row["open"]) for row in told(workspace)] == [(D10, True), (D11, False)]
    assert set(run(workspace)) == {D10, D11, f"incoming/repair.xml/{D11}"}


@pytest.mark.long
def test_a_backfill_reads_a_repair_again_whose_records_are_lost(workspace: Settings) -> None:
    deliver(workspace, (D10, orders(BAD)), (D11, orders(("B", *BAD[1:]))))
    deliver(workspace, ("incoming/repair.xml", marked((f"{D10}#1", GOOD), (f"{D11}#1", ("B", *GOOD[1:])))))
    run(workspace)
    shutil.rmtree(workspace.staging)
    lenient = workspace.model_copy(update={"max_reject_ratio": 1.0})
    change = backfill.derive_all(lenient)
    assert len(change.judged) == 4
    assert not len(change.orders.all)
    shutil.rmtree(workspace.staging)
    (workspace.incoming / "repair.xml").unlink()
    with pytest.raises(
        backfill.DeliveryGone, match=r"repair\.xml/incoming/orders_2025-11-10\.xml has disappeared"
    ):
        backfill.derive_all(lenient)


def test_a_repair_that_mends_nothing_does_not_stop_the_run(workspace: Settings) -> None:
    """What it does not mend was turned away before; any other delivery is stopped."""
    deliver(workspace, (D10, orders(BAD, *((f"O-{n}", *GOOD[1:]) for n in range(2, 20)))))
    deliver(workspace, ("incoming/repair.xml", marked((f"{D10}#1", BAD))))
    staging.stage_all(workspace)
    road.publish(workspace, TODAY, auditor=no_audit)
    assert still_open(workspace) == 2


# What is open, and what is exported.


def test_a_later_delivery_closes_what_it_brings_again_and_an_earlier_one_does_not(
    workspace: Settings,
) -> None:
    deliver(workspace, (D11, orders(BAD, ("B", *BAD[1:]))), ("orders.xml", orders(("B", *GOOD[1:]))))
    run(workspace)
    deliver(workspace, (D10, orders(GOOD)))
    run(workspace)
    assert [row["open"] for row in told(workspace)] == [True, True]
    deliver(workspace, (D12, orders(GOOD)))
    run(workspace)
    assert [(row["id"], row["open"]) for row in told(workspace)] == [("O-1", False), ("B", True)]


def test_what_a_later_delivery_has_rejected_again_is_exported_from_there(
    workspace: Settings, tmp_path: Path
) -> None:
    deliver(workspace, (D10, orders(BAD, ("B", *BAD[1:]))), (D11, orders((*BAD[:4], "x", "10.00"))))
    run(workspace)
    done = export(workspace, "orders", tmp_path / "repair.xml")
    assert (done.records, done.elsewhere) == (2, 1)
    text = (tmp_path / "repair.xml").read_text()
    assert re.findall(r"<akasa_repairs>(.*)<", text) == [f"{D10}#2", f"{D11}#1"]


def test_a_repair_that_was_turned_away_is_exported_itself_with_the_mark_that_it_has(
    workspace: Settings, tmp_path: Path
) -> None:
    """And then closes both: the record has no id of its own."""
    lost = ("", ASHA, WHEN, "S-9", 0, "10.00")
    deliver(workspace, (D10, orders(GOOD, lost)))
    deliver(workspace, ("incoming/repair.xml", marked((f"{D10}#2", ("", *lost[1:4], 3, "10.00")))))
    run(workspace)
    done = export(workspace, "orders", tmp_path / "repair.xml")
    text = (tmp_path / "repair.xml").read_text()
    assert re.findall(r"<akasa_repairs>(.*)<", text) == [f"{D10}#2"]
    assert (done.records, done.elsewhere) == (1, 1)
    deliver(workspace, ("incoming/repair2.xml", text.replace("<order_id></", "<order_id>O-2</").encode()))
    run(workspace)
    assert still_open(workspace) == 0
    assert count(workspace) == {"O-1": 1, "O-2": 3}


def test_a_line_without_order_id_is_exported_with_the_order_that_it_may_be_of(
    workspace: Settings, tmp_path: Path
) -> None:
    other_time = ("O-3", ASHA, "2025-11-11 10:01", "S-1", 1, "10.00")
    deliver(workspace, (D10, orders(GOOD, ("", *GOOD[1:3], "S-2", 2, "10.00"), other_time)))
    run(workspace)
    done = export(workspace, "orders", tmp_path / "repair.xml")
    assert (done.records, done.beside) == (1, 1)
    text = (tmp_path / "repair.xml").read_text()
    assert re.findall(r"<akasa_repairs>(.*)<", text) == [f"{D10}#1", f"{D10}#2"]
    assert "<!-- accepted; the line without an order_id may be one of this order -->" in text


def test_customers_are_exported_in_their_own_columns_as_they_came(
    workspace: Settings, tmp_path: Path
) -> None:
    rows = 'region,tier,customer_id,mobile_number,customer_name\n"No""rth",1,C-1,12,"A, B"\nx,2,C-2,1,B,C\n'
    deliver(workspace, ("incoming/customers, 2025-11-12.csv", rows.encode()))
    run(workspace)
    export(workspace, "customers", tmp_path / "repair.csv")
    mark = '"incoming/customers, 2025-11-12.csv#{}"'
    header, first, second, _ = rows.split("\n")
    assert (tmp_path / "repair.csv").read_text("utf-8-sig").splitlines() == [
        f"akasa_repairs,{header}",
        f"{mark.format(1)},{first}",
        f"{mark.format(2)},{second}",
    ]
    assert (tmp_path / "repair.reasons.txt").read_text().splitlines() == [
        "incoming/customers, 2025-11-12.csv#1: invalid_mobile_number: not an Indian mobile number "
        "of ten digits",
        "incoming/customers, 2025-11-12.csv#2: malformed_record: the record cannot be taken apart into its "
        "fields (6 fields where the header has 5)",
    ]
    assert (tmp_path / "repair.csv").stat().st_mode & 0o077 == 0
    deliver(workspace, ("customers.csv", customers(("C-9", "12", "East"))))
    run(workspace)
    with pytest.raises(repair.CannotExport, match="have different columns"):
        export(workspace, "customers", tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def test_without_its_file_a_delivery_is_exported_from_the_quarantine(
    workspace: Settings, tmp_path: Path
) -> None:
    deliver(workspace, ("customers.csv", customers(("C-1", '"1,2"', "North"), ("C-2", "1", "a,b"))))
    run(workspace)
    (workspace.data_dir / "customers.csv").unlink()
    export(workspace, "customers", tmp_path / "repair.csv")
    assert (tmp_path / "repair.csv").read_text("utf-8-sig").splitlines()[1:] == [
        'customers.csv#1,C-1,Name of C-1,"1,2",North',
        "customers.csv#2,C-2,Name of C-2,1,a,b",
    ]


def test_records_of_a_run_that_the_gate_stopped_are_listed_and_can_be_exported(
    workspace: Settings, tmp_path: Path
) -> None:
    deliver(workspace, (D10, orders(BAD)))
    staging.stage_all(workspace)
    with pytest.raises(RuntimeError, match="were rejected"):
        road.publish(workspace, TODAY, auditor=no_audit)
    assert [(row["delivery"], row["open"]) for row in told(workspace)] == [(D10, True)]
    assert export(workspace, "orders", tmp_path / "repair.xml").records == 1


def test_a_refused_file_has_no_rejected_records(workspace: Settings) -> None:
    deliver(workspace, (D10, b"<orders><order></orders>"), (D11, orders(GOOD)))
    skipping = workspace.model_copy(update={"on_refused": "skip"})
    run(skipping)
    assert told(workspace) == []


# Unmended, all is turned away again, for the same reasons.

SPOILT = [
    "",
    " ",
    "O-1 ",
    "o\u0301",
    "x\ty",
    "a\nb",
    "&<>\"'",
    "]]>",
    "=1+1",
    "'=1",
    "é" * 300,
    "\x85",
    "1e3",
]
USED = ["O-1", ASHA, BINA, "+91 90000 00001", "12", WHEN, "2025-11-31", "2026-01-01", "1", "0", "-1", "10.00"]
TEXTS = st.sampled_from([*SPOILT, *USED])
XML_ORDERS = st.lists(st.tuples(*[st.one_of(st.none(), TEXTS)] * 6), min_size=1, max_size=8)
USUAL = st.tuples(
    *(st.sampled_from(one) for one in (["O-1", "O-2", ""], [ASHA, BINA, "1"], [WHEN, "x"])),
    *(st.sampled_from(one) for one in (["S-1", "S-2", ""], ["1", "2", "0"], ["10.00", "11", "-1"])),
)
FIELDS = ("order_id", "mobile_number", "order_date_time", "sku_id", "sku_count", "total_amount")
CELLS = st.sampled_from(
    ["C-1", "C-2", "", " ", ASHA, BINA, "12", "N", '"a,b"', '"a""b"', '"x"y', "\x00", "a,b"]
)
CSV_ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8)


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 10))


def xml(lines: list[tuple[str | None, ...]], twice: bool) -> bytes:
    from xml.sax.saxutils import escape

    records = [
        "".join(element(f, escape(v)) for f, v in zip(FIELDS, line, strict=True) if v is not None)
        for line in lines
    ]
    again = [f"<order>{one}{one}</order>" for one in records[:1] if twice]
    return f"<orders>{''.join(f'<order>{one}</order>' for one in records)}{''.join(again)}</orders>".encode()


def judged(cfg: Settings, name: str) -> judging.Judged:
    """Stage what lies there, and judge the delivery that has this name, or repairs it."""
    manifest = staging.stage_all(cfg)
    if manifest.refused:
        raise RefusedDelivery(name, None, manifest.refused[0])
    (one,) = (one for one in manifest.staged if one.name.endswith(name))
    return judging.judge_one(cfg, planning.Planned(one.name, one.kind, one.sha256, "new", "1", TODAY))


def unmended(name: str, content: bytes, amount_is: str) -> None:
    """Assert that what is exported of a delivery is turned away again for the same reasons."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder), amount_is=amount_is)
        deliver(cfg, (name, content))
        try:
            before = judged(cfg, name)
        except RefusedDelivery:
            return
        judging.write_quarantine(cfg, [before])
        to = Path(folder) / f"repair{Path(name).suffix}"
        done = export(cfg, before.delivery.kind, to)
        rejected = before.records.rejected
        assert done.records == len(rejected)
        if len(rejected):
            deliver(cfg, (f"incoming/{to.name}", to.read_bytes()))
            after = judged(cfg, f"{to.name}/{name}")
            marks = {sha: one.marks for _, one in parting.every(cfg.staging) for sha in [one.sha256]}
            numbers = marks[after.delivery.sha256]
            again = after.records.rejected
            assert {
                numbers[n].record: why for n, why in zip(again["record"], again["reasons"], strict=True)
            } == dict(zip(rejected["record"], rejected["reasons"], strict=True))


@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.builds(xml, st.one_of(XML_ORDERS, st.lists(USUAL, min_size=1, max_size=8)), st.booleans()),
        CSV_ROWS.map(
            lambda rows: (NEW.partition("\n")[0] + "\n" + "\n".join(map(",".join, rows)) + "\n").encode()
        ),
    ),
    st.sampled_from(["order", "line"]),
)
def test_what_is_delivered_again_unmended_is_turned_away_for_the_same_reasons(
    content: bytes, amount_is: str
) -> None:
    unmended("orders.xml" if content.startswith(b"<") else "customers.csv", content, amount_is)


# Any deliveries, any repairs, in any order: what stands is what places say.

IDS = st.sampled_from(["A", "B", "C"])
COUNTS = st.integers(0, 3)
DAYS = st.dictionaries(st.sampled_from(["", D10, D11]), st.dictionaries(IDS, COUNTS, min_size=1), min_size=1)
REPAIRS = st.lists(
    st.tuples(
        st.sampled_from(["incoming/a.xml", "incoming/repair 2025-11-30.xml"]),
        st.lists(st.tuples(st.sampled_from(["orders.xml", D10, D11]), IDS, COUNTS), min_size=1, max_size=4),
    ),
    max_size=3,
)


def expected(
    days: dict[str, dict[str, int]], repaired: list[tuple[str, list[tuple[str, str, int]]]]
) -> dict[str, int]:
    """Return the count of each order that stands, worked out from the places of its versions."""
    order = ["orders.xml", D10, D11]
    versions = [
        ((order.index(name or "orders.xml"), 0, "", 0), key, counted)
        for name, lines in days.items()
        for key, counted in lines.items()
    ]
    for revision, (file, records) in enumerate(repaired):
        for key in {one for _, one, _ in records}:
            counts = {counted for _, one, counted in records if one == key}
            place = max(order.index(name) for name, one, _ in records if one == key)
            counted = counts.pop() if len(counts) == 1 else 0
            versions.append(((place, 1, Path(file).stem, revision), key, counted))
    return {key: counted for _, key, counted in sorted(versions) if counted}


@pytest.mark.long
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(DAYS, REPAIRS, st.data())
def test_what_stands_follows_from_places_whatever_comes_first(
    days: dict[str, dict[str, int]],
    repaired: list[tuple[str, list[tuple[str, str, int]]]],
    data: st.DataObject,
) -> None:
    """Repairs keep their order among each other, as the last bytes of a name are its last."""

    def line(key: str, counted: int) -> tuple[object, ...]:
        return (key, *GOOD[1:4], counted, "10.00")

    files = [
        (name or "orders.xml", orders(*(line(*one) for one in content.items()), ("Z", *line("A", n)[1:])))
        for n, (name, content) in enumerate(days.items(), 1)
    ]
    coming = [
        (file, marked(*((f"{name}#1", line(key, counted)) for name, key, counted in records)))
        for file, records in repaired
    ]
    arrivals = data.draw(st.permutations([*files, *([None] * len(coming))]))
    with tempfile.TemporaryDirectory() as folder:
        cfg = Settings(data_dir=Path(folder) / "data", output_dir=Path(folder))
        waiting = iter(coming)
        for one in arrivals:
            deliver(cfg, one or next(waiting))
            run(cfg)
        found = {key: counted for key, counted in count(cfg).items() if key != "Z"}
    assert found == expected(days, repaired)
