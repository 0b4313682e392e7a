"""What is expected is told to people: each check in words, with what it protects and the rules' reasons."""

import pytest

from akasa.validate.rules import REASONS
from akasa.validate.suites import DELIVERIES, DELIVERY_COLUMNS, suites
from akasa.workspace.tables import TABLES

CHECKS = [(table, check) for table, checks in suites().items() for check in checks]


@pytest.mark.parametrize(("table", "check"), CHECKS, ids=lambda one: getattr(one, "words", one))
def test_every_check_is_told_in_words_and_names_reasons_and_columns_that_there_are(table, check):
    assert check.words
    assert check.protects.endswith(".")
    assert set(check.reasons) <= set(REASONS)
    assert check.columns
    assert set(check.columns) <= set({**TABLES, DELIVERIES: DELIVERY_COLUMNS}[table])


def test_no_two_checks_of_a_table_have_the_same_words():
    told = [(table, check.words) for table, check in CHECKS]
    assert len(set(told)) == len(told)


def test_every_reason_for_which_a_value_is_turned_away_is_guarded_by_a_check():
    # Of these, the tables hold nothing that tells: an order is whole, and the delivery's day is gone.
    not_to_be_seen = {"future_order", "order_rejected"}
    assert {reason for _, check in CHECKS for reason in check.reasons} == set(REASONS) - not_to_be_seen
