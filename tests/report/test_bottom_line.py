"""What the report lists beside the KPIs shows numbers as it is asked to."""

from datetime import date

import pytest
from lib.stores import fill, ledger_row, order, tables

from akasa.report import bottom_line

AS_OF = date(2025, 11, 30)

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.mark.parametrize(("mask", "shown"), [(False, "6000000009"), (True, "60xxxxxx09")])
def test_orders_of_nobody_are_listed_with_their_numbers_masked_or_not(workspace, mask, shown):
    settings = workspace.model_copy(update={"mask_pii": mask})
    fill(settings, tables(orders=[order("O-1", "6000000009", paise=2_00)]), ledger_row(1, accepted=1))
    (row,) = bottom_line.unmatched_orders(settings, AS_OF).to_dict("records")
    assert (row["order_id"], row["mobile_number"], row["total"]) == ("O-1", shown, "₹2.00")


def test_orders_of_nobody_stand_by_their_id_up_to_the_day(workspace):
    made = [
        order("O-3", "6000000009", when="2025-10-01 00:00:00"),
        order("O-10", "6000000009", when="2025-10-02 00:00:00"),
        order("O-2", "6000000008", when="2025-11-30 23:59:59"),
        order("O-1", "6000000008", when="2025-12-01 00:00:00"),
    ]
    fill(workspace, tables(orders=made), ledger_row(1, accepted=4))
    found = bottom_line.unmatched_orders(workspace, AS_OF)
    assert found[["order_id", "order_date"]].to_numpy().tolist() == [
        ["O-10", "2025-10-02"],
        ["O-2", "2025-11-30"],
        ["O-3", "2025-10-01"],
    ]
    assert bottom_line.unmatched_orders(workspace, None).empty
