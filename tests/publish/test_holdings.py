"""Numbers that change hands, in time: who holds one from which day follows from claims alone."""

import shutil
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lib import reference, stores
from lib.drops import customers, deliver, orders, run

from akasa.kpis import engines
from akasa.publish import holdings, withdraw
from akasa.report import bottom_line
from akasa.stores import database, lock, warehouse
from akasa.workspace.tables import FIRST_DAY

ASHA, BINA, CHITRA = "C-1", "C-2", "C-3"
NUMBER, OTHER = "9000000001", "9000000002"
BASE = ("customers.csv", customers((ASHA, NUMBER, "North")))
TO_BINA = ("incoming/c_2025-11-12.csv", customers((BINA, NUMBER, "South")))
TO_CHITRA = ("incoming/c_2025-11-14.csv", customers((CHITRA, NUMBER, "East")))


def held(cfg):
    """Return who holds the number from which day until which, as both stores have it."""
    return [(row[1], *row[2:4]) for row in stores.holdings(cfg) if row[0] == NUMBER]


def november(day):
    return date(2025, 11, day)


pytestmark = pytest.mark.usefixtures("migrated")


def test_each_holds_the_number_from_the_day_before_their_delivery(workspace):
    deliver(workspace, BASE, TO_BINA, TO_CHITRA)
    run(workspace)
    taken = [
        (ASHA, FIRST_DAY, november(11)),
        (BINA, november(11), november(13)),
        (CHITRA, november(13), None),
    ]
    assert held(workspace) == taken


def test_an_order_belongs_to_who_held_its_number_on_its_day(workspace):
    days = [("O-1", "2025-11-10 23:59:59"), ("O-2", "2025-11-11 00:00"), ("O-3", "2025-11-13 10:00")]
    lines = [(order_id, NUMBER, when, "SKU-1", 1, "10.00") for order_id, when in days]
    deliver(workspace, BASE, TO_BINA, TO_CHITRA, ("orders.xml", orders(*lines)))
    run(workspace)
    for engine in ("sql", "both"):
        for frames in engines.compute(workspace, engine, november(30)).values():
            regions = frames["regional_revenue"][["region", "order_count"]].to_numpy().tolist()
            assert sorted(regions) == [["East", 1], ["North", 1], ["South", 1]]


def test_a_customer_who_changes_the_number_keeps_its_history(workspace):
    lines = [("O-1", NUMBER, "2025-10-12 10:00", "SKU-1", 1, "10.00")]
    moved = ("incoming/c_2025-11-12.csv", customers((ASHA, OTHER, "North")))
    deliver(workspace, BASE, moved, ("orders.xml", orders(*lines, ("O-2", OTHER, *lines[0][2:]))))
    run(workspace)
    frames = engines.compute(workspace, "sql", november(30))["sql"]
    found = frames["repeat_customers"].to_dict("records")
    assert [(row["customer_id"], row["mobile_number"], row["order_count"]) for row in found] == [
        (ASHA, OTHER, 2)
    ]


def test_the_first_claimant_holds_it_also_before(workspace):
    deliver(workspace, TO_BINA, TO_CHITRA)
    run(workspace)
    assert held(workspace) == [(BINA, FIRST_DAY, november(13)), (CHITRA, november(13), None)]


def test_a_number_that_comes_back_has_two_holdings_of_one_customer(workspace):
    back = ("incoming/c_2025-11-16.csv", BASE[1] + b"C-9,Nine,9000000009,West\n")
    deliver(workspace, BASE, TO_BINA, back)
    run(workspace)
    assert [one for one, *_ in held(workspace)] == [ASHA, BINA, ASHA]
    assert bottom_line.changed_hands(workspace).to_numpy().tolist() == [
        [NUMBER, BINA, ASHA, "2025-11-15"],
        [NUMBER, ASHA, BINA, "2025-11-11"],
    ]


def test_a_later_run_takes_holdings_in_the_order_of_their_claims_and_not_of_ids(workspace):
    """Here those of the later claims are the lesser."""
    for day, customer in ((5, "C-9"), (7, "C-5"), (9, "C-1")):
        deliver(workspace, (f"incoming/c_2025-11-0{day}.csv", customers((customer, NUMBER, "North"))))
        run(workspace)
    taken = [("C-9", FIRST_DAY, november(6)), ("C-5", november(6), november(8)), ("C-1", november(8), None)]
    assert held(workspace) == taken


def test_a_claim_that_was_outdone_on_its_day_holds_nothing(workspace):
    deliver(workspace, BASE, TO_BINA, ("incoming/c_2025-11-12_2.csv", TO_CHITRA[1]))
    run(workspace)
    assert held(workspace) == [(ASHA, FIRST_DAY, november(11)), (CHITRA, november(11), None)]


def test_a_delivery_between_others_is_weighed_with_all_their_claims(workspace):
    """Chitra's later claims stand in the ledger only once: what was merged away must be found again."""
    again = ("incoming/c_2025-11-16.csv", TO_CHITRA[1] + b"C-9,Nine,9000000009,West\n")
    deliver(workspace, BASE, TO_CHITRA, again)
    run(workspace)
    deliver(workspace, ("incoming/c_2025-11-15.csv", TO_BINA[1]))
    run(workspace)
    assert [(one, since) for one, since, _ in held(workspace)] == [
        (ASHA, FIRST_DAY),
        (CHITRA, november(13)),
        (BINA, november(14)),
        (CHITRA, november(15)),
    ]


def test_a_withdrawn_claim_was_never_made(workspace):
    deliver(workspace, BASE, TO_BINA, TO_CHITRA)
    run(workspace)
    with lock.run(workspace):
        withdraw.commit(workspace, withdraw.derive(workspace, TO_BINA[0]))
    assert held(workspace) == [(ASHA, FIRST_DAY, november(13)), (CHITRA, november(13), None)]


def test_the_same_customers_every_day_rewrite_neither_history_nor_the_warehouse(workspace, capsys):
    """Bytes that come again claim again, and their first claim stays; they are merged, not made anew."""
    lines = [("O-1", NUMBER, "2025-10-12 10:00", "SKU-1", 1, "10.00")]
    deliver(workspace, BASE, TO_BINA, ("orders.xml", orders(*lines)))
    run(workspace)
    files = warehouse.files("orders", workspace)
    deliver(workspace, ("incoming/c_2025-11-13.csv", TO_BINA[1]))
    assert run(workspace)["incoming/c_2025-11-13.csv"] == "again"
    assert capsys.readouterr().err == ""
    assert held(workspace) == [(ASHA, FIRST_DAY, november(11)), (BINA, november(11), None)]
    assert warehouse.files("orders", workspace) == files


def test_claims_whose_records_are_gone_are_those_that_stand(workspace, capsys):
    deliver(workspace, BASE, TO_BINA, TO_CHITRA)
    run(workspace)
    for folder in (workspace.judged, workspace.staging):
        shutil.rmtree(folder)
    (workspace.data_dir / TO_BINA[0]).unlink()
    deliver(workspace, ("incoming/c_2025-11-13.csv", customers(("C-9", OTHER, "West"))))
    run(workspace)
    assert [one for one, *_ in held(workspace)] == [ASHA, BINA, CHITRA]
    said = capsys.readouterr().err
    assert said.startswith(f"warning: what {TO_BINA[0]} was judged to be is no longer kept")
    assert said.count("warning") == 1


def test_holdings_of_a_migration_are_worked_out_again_from_all_claims(workspace):
    """Asha's older claim on the number is not in the customers table any more."""
    moved = ("incoming/c_2025-11-12.csv", customers((ASHA, OTHER, "North")))
    deliver(workspace, BASE, moved)
    run(workspace)
    true = stores.holdings(workspace)
    with database.transaction(workspace) as connection:
        connection.exec_driver_sql("delete from holdings where mobile_number = '9000000001'")
        connection.exec_driver_sql("update holdings set position = ''")
    run(workspace)
    assert stores.holdings(workspace) == true
    assert len(true) == 2


DAYS = [None, *(november(1) + timedelta(days=n) for n in range(4))]
CLAIMS = st.lists(
    st.tuples(st.sampled_from([NUMBER, OTHER]), st.sampled_from([ASHA, BINA, CHITRA]), st.sampled_from(DAYS)),
    max_size=7,
)


@given(CLAIMS, st.integers(0, 7))
def test_the_fold_is_the_reference_day_by_day_also_in_two_parts(claims, cut):
    rows = [(number, one, day or FIRST_DAY, f"{at}") for at, (number, one, day) in enumerate(claims)]
    columns = ["mobile_number", "customer_id", "from_day", "position"]
    frame = pd.DataFrame(rows, columns=columns).astype({"from_day": "datetime64[s]"})
    found = holdings.fold(frame)
    plain = [
        (
            row.mobile_number,
            row.customer_id,
            row.from_day.date(),
            row.until_day.date() if row.until_day == row.until_day else None,
        )
        for row in found.itertuples()
    ]
    known = [dict(zip(("mobile_number", "customer_id", "day"), claim, strict=True)) for claim in claims]
    assert plain == reference.holdings(known)
    pd.testing.assert_frame_equal(
        holdings.fold(pd.concat([holdings.fold(frame[:cut])[columns], frame[cut:]])), found
    )
