"""What a database holds, as digests: each row that somebody edits by hand is seen, and nothing else is."""

from datetime import UTC, datetime

import pytest
from lib.stores import customer, fill, ledger_row, order, tables
from sqlalchemy import text

from akasa.stores import database, digests, migrate

ALL = {"alembic_version", "customers", "orders", "order_items", "holdings", "deliveries", "sightings"}


@pytest.fixture
def served(on_server):
    settings = on_server()
    migrate.upgrade(settings)
    fill(
        settings,
        tables(
            [customer("C-1"), customer("C-2", "9000000002", "Süd")],
            [order("O-1", paise=100), order("O-2", paise=200)],
        ),
        ledger_row(1),
    )
    return settings


def changed_by(settings, *edits):
    """Return the names of the tables whose digest these edits change."""
    before = digests.of_database(settings)
    with database.transaction(settings) as opened:
        for edit in edits:
            assert opened.execute(text(edit)).rowcount > 0
    after = digests.of_database(settings)
    assert before.keys() == after.keys() == {"the server's version", *(f"the table {name}" for name in ALL)}
    return {name.removeprefix("the table ") for name in before if before[name] != after[name]}


def test_each_row_that_is_edited_on_a_server_is_seen_in_its_table(served):
    assert changed_by(served) == set()
    assert changed_by(served, "update customers set region = 'Sud' where customer_id = 'C-2'") == {
        "customers"
    }
    assert changed_by(served, "update orders set total_amount_paise = 101 where order_id = 'O-1'") == {
        "orders"
    }
    assert changed_by(served, "update orders set order_date_time = '2025-10-12 09:15:32.000001'") == {
        "orders"
    }
    assert changed_by(served, "update deliveries set repeats = 7") == {"deliveries"}
    assert changed_by(served, "update deliveries set rules_version = 0") == {"deliveries"}
    assert changed_by(served, "update deliveries set rules_version = null") == {"deliveries"}
    assert changed_by(served, "delete from orders where order_id = 'O-1'") == {"orders"}


def test_values_that_change_places_on_a_server_are_seen(served):
    """Of rows, and of columns beside each other."""
    swapped = "update orders set total_amount_paise = 300 - total_amount_paise"
    assert changed_by(served, swapped) == {"orders"}
    assert changed_by(served, "update customers set customer_name = 'a,b', mobile_number = 'c'") == {
        "customers"
    }
    assert changed_by(served, "update customers set customer_name = 'a', mobile_number = 'b,c'") == {
        "customers"
    }
    assert changed_by(served, """update customers set region = "N','9" where customer_id = 'C-1'""") == {
        "customers"
    }


def test_what_was_edited_and_put_back_on_a_server_is_what_it_was(served):
    there = "update orders set total_amount_paise = {} where order_id = 'O-1'"
    assert changed_by(served, there.format(7), there.format(100)) == set()


def test_a_server_says_when_something_was_published_last(served, on_server):
    with database.transaction(served) as opened:
        opened.execute(text("update deliveries set published_at = '2025-11-11 06:00:00.25'"))
    assert digests.last_published(served) == datetime(2025, 11, 11, 6, 0, 0, 250000, UTC)
    empty = on_server()
    assert digests.last_published(empty) is None
    assert digests.of_database(empty).keys() == {"the server's version"}


def test_sqlite_says_when_something_was_published_last(workspace):
    assert digests.last_published(workspace) is None
    assert digests.of_database(workspace) == {}
    workspace.sqlite.touch()
    assert digests.last_published(workspace) is None
    migrate.upgrade(workspace)
    assert digests.last_published(workspace) is None
    fill(workspace, tables(), ledger_row(1))
    with database.transaction(workspace) as opened:
        opened.execute(text("update deliveries set published_at = '2025-11-11 06:00:00.250000'"))
    assert digests.last_published(workspace) == datetime(2025, 11, 11, 6, 0, 0, 250000, UTC)
