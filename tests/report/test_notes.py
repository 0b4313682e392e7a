from datetime import date, datetime

import pandas as pd
from lib import audited

from akasa.report import notes
from akasa.validate.replaced import Replaced


def day(number):
    return date(2025, 11, number)


def largest(paise):
    return pd.DataFrame(
        [("O-1", "2025-10-04", paise)], columns=["order_id", "order_date", "total_amount_paise"]
    )


def test_an_order_is_large_above_a_tenth():
    assert notes.one_large_order(largest(1001), 10000) == [
        "One order, O-1 of 4 October 2025, is ₹10.01: 10.0 % of all revenue."
    ]
    assert notes.one_large_order(largest(1000), 10000) == []
    assert notes.one_large_order(largest(0), 0) == []
    assert notes.one_large_order(largest(5).iloc[:0], 0) == []


def test_a_gap_in_the_days_is_named_and_what_is_yet_to_come_is_not():
    daily = {"customers": {day(11), day(12), day(14)}, "orders": {day(12), day(13)}}
    assert notes.days_missing(daily) == [
        "No customers file came for 13 November 2025.",
        "No orders file came for 14 November 2025.",
    ]
    assert notes.days_missing({"customers": {day(11), day(12)}, "orders": {day(12)}}) == []
    assert notes.days_missing({}) == notes.days_missing({"orders": {day(12)}}) == []


def test_many_missing_days_are_counted():
    (told,) = notes.days_missing({"orders": {day(1), day(10)}})
    assert told.endswith("5 November 2025, 6 November 2025 and 3 more.")


def test_freshness_is_a_matter_of_hours():
    last = datetime(2025, 11, 10, 6)
    assert notes.nothing_delivered(last, datetime(2025, 11, 10, 7), 0.5)[0].startswith(
        "Nothing new was delivered for 1 hours"
    )
    assert notes.nothing_delivered(None, last, 48) == []


def test_nothing_is_said_of_what_is_not():
    assert notes.month_is_open(None) == []
    assert notes.numbers_changed_hands(0) == notes.files_refused([]) == notes.replaced(Replaced()) == []
    assert notes.unmatched(0, 0, 100) == []


def test_several_are_told_in_the_plural():
    assert notes.numbers_changed_hands(1200)[0].startswith("1,200 phone numbers changed hands")
    assert notes.files_refused(["a: x", "b: y"]) == [
        "2 files were refused, and nothing in them counts: a: x, b: y"
    ]
    assert notes.replaced(Replaced(fewer_lines=("A", "B")))[0].startswith(
        "2 orders were delivered again with fewer lines than before: A, B."
    )
    assert notes.unmatched(2, 100, 1000) == [
        "2 orders, ₹1.00 or 10.0 % of all revenue, have no known customer."
    ]
    assert notes.lacking(1, 0) == ["One customer has no name: it reads Unknown."]
    assert notes.lacking(0, 3) == ["3 customers have no region: they read Unknown."]
    assert notes.lacking(2, 1) == ["2 customers have no name, one has no region: they read Unknown."]


def test_what_the_audit_warns_of_is_named_with_its_deliveries_and_what_was_measured():
    found = audited.audit(rows={"deliveries": 2})
    assert notes.audit_warned(None) == notes.audit_warned(found) == []
    loose = "At most 25 % of a delivery's orders are of numbers that nobody holds"
    odd = "A day's revenue is 0.2 to 5 times what days before it brought"
    warned = audited.broken(found, loose, ("a.xml", "0.3438"), ("b.xml", "0.5"))
    warned = audited.broken(warned, odd, ("b.xml", "7.1"))
    assert notes.audit_warned(warned) == [
        "The audit warns: it is not so that at most 25 % of a delivery's orders are of numbers that nobody "
        "holds (a.xml: 34.4 %, b.xml: 50.0 %).",
        "The audit warns: it is not so that a day's revenue is 0.2 to 5 times what days before it brought "
        "(b.xml: 7.1 times).",
    ]
    assert warned.broken == ()
