"""The audit's page: four questions, how each was answered, and for which audit."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pandas as pd
import pytest
from lib import audited, browser, paged
from lib.drops import customers, deliver, orders

from akasa.report import audit, facts
from akasa.validate import audits, data_docs

ASHA = ("C-1", "9000000001", "North")
HOSTILE = "<img src=x onerror=alert(1)> " + "of_a_name_without_an_end" * 6
LEDGER = pd.DataFrame(
    [("customers.csv", 10, 8, 1, 1), ("orders.xml", 20, 16, 3, 1)],
    columns=["name", "records", "accepted", "rejected", "repeats"],
)


@pytest.fixture
def world(workspace):
    """Of two customers one is turned away, of ten order lines one."""
    lines = [(f"O-{n}", ASHA[1], "2025-11-10", "S-1", 1, "5.00") for n in range(9)]
    bad = ("O-9", "12", "2025-11-10", "S-1", 1, "5.00")
    deliver(
        workspace,
        ("customers.csv", customers(ASHA, ("C-2", "", "North"))),
        ("orders.xml", orders(*lines, bad)),
    )
    return workspace.model_copy(update={"max_reject_ratio": 0.5})


def known(settings):
    return facts.gather(settings, *paged.proved(settings))


def text_of(page):
    """Return a page's text, each run of space as one."""
    html = re.sub(r"<(style|script)\b.*?</\1>", " ", page.replace("<wbr>", ""), flags=re.DOTALL)
    return re.sub(r"[\s\xa0]+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_good_answers_are_told_with_what_they_rest_on(world):
    audits.keep(world, audited.audit(ratio=0.5))
    page = text_of(audit.html(known(world)))
    assert "Last made on 13 November 2025 at 10:00 IST , of customers.csv, orders.xml" in page
    assert "✓ All four questions were answered well before anything was published." in page
    assert "12 records read: 10 accepted, 2 turned away, 0 exact repeats ✓ yes" in page
    assert "at most 50.0 % turned away, of 50 % allowed ✓ yes" in page
    assert "earlier orders? not asked, as MAX_REPLACED_RATIO is 1 ✓ yes" in page
    assert "25 of 25 checks hold ✓ yes" in page
    assert "orders.xml 10 9 1 0 10.0 % ✓ yes" in page
    assert "NO" not in page
    for one in audited.audit().findings:
        reasons = ", ".join(one.reasons) or "–"
        assert f"{one.words} {one.protects} {reasons} none ✓ yes" in page.replace(" , ", ", ")


def test_each_table_leads_to_its_page_of_data_docs(world):
    audits.keep(world, audited.audit(ratio=0.5))
    page = audit.html(known(world))
    data_docs.write(world)
    links = re.findall(r'href="(data_docs/[^"]+)"', page)
    assert {f"data_docs/validations/000001-{table}.html" for table in audited.ROWS} <= set(links)
    assert [link for link in links if not (world.output_dir / link).is_file()] == []


def test_the_limit_is_that_under_which_the_audited_rows_came_through(world):
    audits.keep(world, audited.audit(ratio=0.1))
    page = text_of(audit.html(known(world)))
    assert "1 delivery has more than 10 % turned away ✗ NO" in page
    assert "orders.xml 10 9 1 0 10.0 % ✓ yes" in page  # just what is allowed
    assert "customers.csv 2 1 1 0 50.0 % ✗ NO" in page
    assert "✗ Not every question has a good answer" in page


def test_with_nothing_new_the_last_audit_is_told_and_of_when(world):
    audits.keep(world, audited.audit(ratio=0.5))
    first = known(world)
    assert audit.html(known(world)) == audit.html(first)


def test_a_later_audit_that_failed_is_worth_knowing_and_changes_no_answer(world):
    audits.keep(world, audited.audit(ratio=0.5))
    later = audited.audit(audited.MADE + timedelta(days=1))
    audits.keep(world, audited.broken(later, "No amount is below zero", ("O-1", "-5")))
    page = text_of(audit.html(known(world)))
    assert "1 later audit failed, and nothing of it was published" in page
    assert "25 of 25 checks hold ✓ yes" in page


def test_a_warning_is_told_and_every_question_has_a_good_answer(world):
    rows = {**audited.ROWS, "deliveries": 2}
    loose = "At most 25 % of a delivery's orders are of numbers that nobody holds"
    audits.keep(world, audited.broken(audited.audit(ratio=0.5, rows=rows), loose, ("orders.xml", "0.5")))
    page = text_of(audit.html(known(world)))
    assert "The audit warns: it is not so that at most 25 % of a delivery's orders" in page
    assert "28 of 29 checks hold; 1 warning ✓ yes" in page
    assert "1 (50.0 %) ! warning" in page
    assert "NO" not in page
    data_docs.write(world)
    docs = text_of((world.output_dir / "data_docs/validations/000001-deliveries.html").read_text("utf-8"))
    assert "Passed with 1 warning: what does not hold stopped nothing." in docs
    assert "orders.xml 0.5" in docs


def test_without_an_audit_the_page_says_so(world):
    page = text_of(audit.html(known(world)))
    assert "no audit that passed is kept ✗ NO" in page
    assert "at most 50.0 % turned away, of 50 % allowed ✓ yes" in page  # by the setting


def test_what_the_gate_allowed_to_be_replaced_is_told():
    kept = replace(audited.audit(), max_replaced_ratio=0.125)
    *_, replaced, _ = audit.answers(audit.all_shares(LEDGER, 0.2), kept, 0.2)
    assert replaced.found == "of no new delivery, more than the 12.5 % allowed"


def test_a_repair_is_not_asked_how_much_of_it_was_turned_away():
    mended = LEDGER.assign(name=["incoming/repair.csv/customers.csv", "orders.xml"], rejected=[9, 3])
    _, rejected, *_ = audit.answers(audit.all_shares(mended, 0.2), audited.audit(), 0.2)
    assert (rejected.found, rejected.holds) == ("at most 15.0 % turned away, of 20 % allowed", True)


def test_a_record_without_a_place_is_no_good_answer():
    lost = LEDGER.assign(accepted=[8, 15])
    shares = audit.all_shares(lost, 0.2)
    found, *_ = audit.answers(shares, audited.audit(), 0.2)
    assert not found.holds
    assert found.found.endswith("2 exact repeats; they do not add up in orders.xml")
    assert audit.answers(audit.all_shares(LEDGER, 0.2), audited.audit(), 0.2)[0].holds


def test_nothing_published_is_no_fault():
    shares = audit.all_shares(LEDGER[:0], 0.1)
    assert [one.holds for one in audit.answers(shares, audited.audit(), 0.1)] == [True] * 4


@pytest.mark.slow
def test_failures_and_hostile_names_are_shown_as_text_and_nothing_is_cut_off(world):
    rows = ("O-1" * 60, HOSTILE), ("O-2", HOSTILE)
    bad = audited.broken(audited.audit(deliveries=[HOSTILE] * 5), "Every order has a mobile number", *rows)
    bad = audited.broken(bad, "No two rows are the same order", error=HOSTILE)
    audits.keep(world, audited.audit(deliveries=[HOSTILE] * 5))
    audits.keep(world, bad)
    data_docs.write(world)
    told = known(world)
    hostile = told.ledger.assign(name=HOSTILE)
    (world.output_dir / "audit.html").write_text(audit.html(replace(told, ledger=hostile)), "utf-8")
    names = ("audit.html", "data_docs/index.html", "data_docs/validations/000002-orders.html")
    with browser.running() as chromium:
        for name, width, scheme in zip(names * 2, [390] * 3 + [1366] * 3, ["dark", "light"] * 3, strict=True):
            with browser.Opened(chromium, world.output_dir / name, width, scheme) as opened:
                where = (name, width, scheme)
                assert (where, opened.clipped(), opened.axe()) == (where, [], [])
                assert opened.requests == opened.complaints == []
                assert opened.page.locator("img").count() == 0
                assert "onerror=alert(1)" in opened.page.inner_text("body")
