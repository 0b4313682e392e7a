"""What is unlike before: each rule where it just fires, and where it just does not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from akasa.validate import drift
from akasa.validate.drift import Delivered, Usual
from akasa.validate.profiling import Column, Profile

MONDAY = date(2025, 11, 3)


def delivered(place=0, records=100, rejected=0, orders=100, unmatched=0, day=None, profile=None):
    """Return one that came so many days after a Monday."""
    day = day or MONDAY + timedelta(days=place)
    return Delivered("orders", f"{place}.xml", "", day, records, rejected, orders, unmatched, profile)


def profile(forms=None, regions=None, filled=100):
    column = Column(filled, filled, 0, None, None, (), forms or {"A-9": filled})
    return Profile(filled, 0, {"order_id": column}, regions or {})


def unlike(one, before):
    return [(each.what, each.value) for each in drift.of_each([*before, one])[-1]]


def of_records(*numbers):
    return [delivered(place, records) for place, records in enumerate(numbers)]


@pytest.mark.parametrize(
    ("records", "fires"), [(74, True), (75, False), (100, False), (125, False), (126, True)]
)
def test_volume_may_move_by_a_quarter_where_days_before_are_equal(records, fires):
    before = of_records(100, 100, 100, 100, 100)
    assert unlike(delivered(9, records), before) == [("volume", "")] * fires


def test_volume_may_move_as_far_as_it_did_before():
    before = of_records(100, 80, 120, 90, 110)  # the middle one 100, the median deviation 10: 25 to 175
    assert drift.usual_volume(delivered(9), before) == Usual(25, 175, 5)
    assert unlike(delivered(9, 175), before) == []
    assert unlike(delivered(9, 176), before) == [("volume", "")]


def test_a_few_records_may_be_a_few_more():
    before = of_records(2, 2, 2, 2, 2)
    assert unlike(delivered(9, 12), before) == []
    assert unlike(delivered(9, 13), before) == [("volume", "")]


def test_volume_is_not_asked_of_too_few_days_nor_of_a_file_without_one():
    assert unlike(delivered(9, 1), of_records(100, 100, 100, 100)) == []
    base = [replace(one, day=None) for one in of_records(100, 100, 100, 100, 100, 100)]
    assert unlike(delivered(9, 1), base) == []
    assert unlike(replace(delivered(9, 1), day=None), of_records(*[100] * 5)) == []


def test_four_of_the_same_weekday_say_what_is_usual():
    mondays = [delivered(7 * week, 1000) for week in range(4)]
    others = [delivered(7 * week + 1, 100) for week in range(4)]
    before = sorted([*mondays, *others], key=lambda one: one.day)
    assert drift.usual_volume(delivered(28), before) == Usual(750, 1250, 4, weekday=True)
    assert unlike(delivered(28, 100), before) == [("volume", "")]
    assert unlike(delivered(29, 100), before) == []


def test_no_more_than_thirty_are_compared():
    long_ago = [delivered(place, 10, profile=profile({"9": 100})) for place in range(10)]
    before = [delivered(place, 1000, profile=profile()) for place in range(10, 40)]
    now = delivered(50, 10, profile=profile({"9": 100}))
    assert unlike(now, [*long_ago, *before]) == [("volume", ""), ("form", "9")]
    assert unlike(replace(now, records=1000), [*long_ago, *before[1:]]) == []


def before_with(*profiles):
    return [delivered(place, profile=one) for place, one in enumerate(profiles)]


def test_a_form_never_seen_in_a_hundredth_of_the_texts():
    before = before_with(profile(), profile(), profile())
    assert unlike(delivered(9, profile=profile({"A-9": 99, "9": 1})), before) == [("form", "9")]
    few = profile({"A-9": 199, "9": 1}, filled=200)
    assert unlike(delivered(9, profile=few), before) == []
    once = [*before, delivered(5, profile=profile({"A-9": 999, "9": 1}, filled=1000))]
    assert unlike(delivered(9, profile=profile({"A-9": 99, "9": 1})), once) == []


def test_a_region_never_seen_in_one_record_is_told():
    before = before_with(*[profile(regions={"West": 100})] * 3)
    new = delivered(9, profile=profile(regions={"West": 98, "Wset": 1, "Unknown": 1}))
    assert unlike(new, before) == [("region", "Wset")]
    assert unlike(delivered(9, profile=profile(regions={"West": 1})), before) == []


def test_nothing_is_new_beside_two_profiles_nor_without_one():
    new = delivered(9, profile=profile({"9": 100}, {"West": 1}))
    assert unlike(new, before_with(profile(), profile())) == []
    assert unlike(new, before_with(profile(), profile(), None)) == []
    assert unlike(replace(new, profile=None), before_with(*[profile()] * 3)) == []


@pytest.mark.parametrize(("rejected", "fires"), [(3, False), (4, True)])
def test_rejected_records_may_be_two_points_more(rejected, fires):
    before = [delivered(place, rejected=1) for place in range(5)]
    assert unlike(delivered(9, rejected=rejected), before) == [("rejected", "")] * fires


@pytest.mark.parametrize(("unmatched", "fires"), [(6, False), (7, True)])
def test_orders_of_nobody_may_be_five_points_more(unmatched, fires):
    before = [delivered(place, unmatched=1) for place in range(5)]
    assert unlike(delivered(9, unmatched=unmatched), before) == [("unmatched", "")] * fires


def test_shares_may_rise_as_far_as_they_did_and_falling_is_no_news():
    before = [delivered(place, rejected=part) for place, part in enumerate([0, 10, 20, 10, 10])]
    assert unlike(delivered(9, rejected=0), before) == []
    spread = [delivered(place, rejected=part) for place, part in enumerate([0, 2, 4, 6, 8])]
    assert unlike(delivered(9, rejected=19), spread) == []  # 4 % + 7.5 times 2 %
    assert unlike(delivered(9, rejected=20), spread) == [("rejected", "")]
    assert unlike(delivered(9, rejected=90), spread[:4]) == []


def test_a_delivery_without_records_has_no_share():
    nothing = [delivered(place, records=0, orders=0) for place in range(6)]
    assert unlike(delivered(9, records=0, orders=0), nothing) == []
