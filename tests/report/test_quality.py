"""The page and the file on data quality, of days that were published one after the other."""

import json
import re
from datetime import date, timedelta
from html import unescape

import jsonschema
import pytest
from lib import browser, paged
from lib.drops import customers, deliver, orders, run

from akasa.publish import withdraw
from akasa.report import facts, front, quality, quality_page
from akasa.stores import database, migrate
from akasa.validate import profiles
from akasa.workspace.settings import ROOT

SCHEMA = json.loads((ROOT / "docs/data_quality.schema.json").read_text("utf-8"))
MONDAY = date(2025, 11, 3)
KNOWN = "9000000001"


def day_of_orders(place, number=40, mobile=KNOWN, amount="5.00", new=0):
    """Return a day's file of orders, of which `new` are of nobody, their amounts as nobody wrote them."""
    day = MONDAY + timedelta(days=place)
    lines = [
        (f"O-{place}-{n}", "8000000009" if n < new else mobile, f"{day} 09:00:00", "S", 1, amount)
        for n in range(number)
    ]
    return f"incoming/orders_{day}.xml", orders(*lines)


@pytest.fixture
def world(workspace):
    """Of six days like each other, and one that is not."""
    deliver(workspace, ("customers.csv", customers(("C-1", KNOWN, "North"))))
    deliver(workspace, *(day_of_orders(place) for place in range(6)))
    deliver(workspace, day_of_orders(6, number=10, amount="1,000.00", new=9))
    return workspace.model_copy(update={"max_reject_ratio": 1.0})


def looked(settings):
    """Publish what lies there; return what there is to tell of it."""
    migrate.upgrade(settings)
    run(settings)
    return quality.gather(settings, database.ledger(settings))


def text_of(page):
    html = re.sub(r"<(style|script)\b.*?</\1>", " ", page.replace("<wbr>", ""), flags=re.DOTALL)
    return re.sub(r"[\s\xa0]+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_what_is_unlike_before_is_told_on_both_pages_and_in_the_file(world):
    told = facts.gather(world, *paged.proved(world))
    last = "incoming/orders_2025-11-09.xml"
    sentences = [
        f"{last} has 10 records; 30 to 50 are usual.",
        f"90.0 % of the orders of {last} have no known customer; up to 5.0 % is usual.",
        f"{last}: amount has the form “thousands separators” in 10 of 10 records; "
        "none of the 6 deliveries before it had that.",
    ]
    assert [one for one in front.worth_knowing(told) if last in one] == sentences
    page = text_of(quality_page.html(told.quality))
    assert all(sentence in page for sentence in sentences)
    assert "3 things are unlike before." in page
    assert "Nothing of this kind stands before it" in page  # customers.csv
    found = json.loads(quality_page.told(told.quality))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    one = next(one for one in found["deliveries"] if one["name"] == last)
    assert [each["words"] for each in one["unlike_before"]] == sentences
    assert (one["orders"], one["unmatched"], one["compared_with"]) == (10, 9, 6)
    assert one["usual_records"] == {"least": 30.0, "most": 50.0, "of": 6, "weekday": False}
    assert one["columns"]["total_amount"]["forms"] == {"decimals": 10, "thousands separators": 10}
    others = [each for each in found["deliveries"] if each is not one]
    assert [each["unlike_before"] for each in others] == [[]] * 7


def test_the_same_again_with_nothing_new_and_no_delivery_that_was_withdrawn(world):
    first = looked(world)
    assert quality_page.told(looked(world)) == quality_page.told(first)
    name = "incoming/orders_2025-11-09.xml"
    withdraw.commit(world, withdraw.derive(world, name))
    left = looked(world)
    assert [one.delivered.name for one in left.last][1] == "incoming/orders_2025-11-08.xml"
    assert left.new == []
    assert name not in quality_page.told(left)
    assert len([*world.profiles.glob("orders-*")]) == 6


def test_a_missing_profile_is_told(world):
    (one,) = [one for one in looked(world).last if one.delivered.kind == "orders"]
    profiles.forget(world, "orders", one.delivered.sha256)
    again = looked(world)
    assert again.missing == [one.delivered.name]
    page = text_of(quality_page.html(again))
    assert "1 delivery of those below has no profile, for its records are not staged here" in page
    assert [each.what for each in again.new] == ["volume", "unmatched"]
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(quality_page.told(again)))


def test_no_number_is_shown_where_they_are_to_be_masked(world, monkeypatch):
    monkeypatch.setenv("MASK_PII", "1")
    told = looked(world)
    shown = quality_page.html(told) + quality_page.told(told)
    assert "90xxxxxx01" in shown
    assert KNOWN not in shown.replace("<wbr>", "")


def test_before_anything_is_published(migrated):
    found = quality.gather(migrated, database.ledger(migrated))
    assert (found.last, found.new, found.missing) == ([], [], [])
    assert json.loads(quality_page.told(found)) == {"deliveries": []}
    assert "Nothing of this kind is published yet." in quality_page.html(found)


def test_with_too_few_before_nothing_is_said_to_be_alike(workspace):
    deliver(workspace, ("customers.csv", customers(("C-1", KNOWN, "North"))), day_of_orders(0))
    page = text_of(quality_page.html(looked(workspace)))
    assert "Too few deliveries stand before them to say what is unlike before." in page
    deliver(workspace, *(day_of_orders(place) for place in range(1, 4)))
    page = text_of(quality_page.html(looked(workspace)))
    assert "Nothing in them is unlike the deliveries before." in page


@pytest.mark.long
def test_nothing_is_cut_off_at_any_width(world):
    page = world.data_dir.parent / "data_quality.html"
    page.write_text(quality_page.html(looked(world)), "utf-8")
    with browser.running() as chromium:
        for width, scheme in ((390, "dark"), (768, "light"), (1366, "dark")):
            with browser.Opened(chromium, page, width, scheme) as opened:
                opened.unfold()
                assert (width, opened.clipped(), opened.axe()) == (width, [], [])
                assert opened.requests == opened.complaints == []
