"""Data Docs say of every audit what was expected and what was found, and lead from one to the other."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import pytest
from lib import audited

from akasa.validate import audits, data_docs
from akasa.validate.suites import suites

INDIA = ZoneInfo("Asia/Kolkata")
SAME = "No two rows are the same order"
HOSTILE = "<script>document.title='owned'</script>\"'&amp;"


def text_of(page):
    """Return a page's text, each run of space as one."""
    html = re.sub(r"<(style|script)\b.*?</\1>", " ", page.replace("<wbr>", ""), flags=re.DOTALL)
    return re.sub(r"[\s\xa0]+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def written(settings, *found):
    """Keep audits, write the pages; return name → page."""
    for one in found:
        audits.keep(settings, one)
    data_docs.write(settings)
    folder = settings.output_dir / "data_docs"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}


def test_a_good_audit_has_a_page_for_each_table_that_says_what_was_expected(workspace):
    pages = written(workspace, audited.audit())
    assert set(pages) == {
        "index.html",
        *(f"validations/000001-{table}.html" for table in audited.ROWS),
        *(f"expectations/{table}.html" for table in suites()),
    }
    index = text_of(pages["index.html"])
    assert "made on 13 November 2025 at 10:00 IST , of customers.csv, orders.xml" in index
    assert "✓ It passed: all 25 expectations hold." in index
    for table, checks in ((table, suites()[table]) for table in audited.ROWS):
        found = text_of(pages[f"validations/000001-{table}.html"])
        expected = text_of(pages[f"expectations/{table}.html"])
        assert f"✓ Passed: all {len(checks)} expectations hold." in found
        assert found.count("none ✓ yes") == len(checks)
        for check in checks:
            assert f"{check.words} {check.protects}" in found
            assert f"{check.words} {check.protects}" in expected
            assert all(reason in expected for reason in (*check.reasons, check.expectation))


def test_a_failure_is_said_first_and_shown_with_the_rows_that_break_it(workspace):
    bad = audited.broken(audited.audit(), SAME, ("O-7",), ("O-7",), unexpected=8)
    pages = written(workspace, bad)
    said = "FAILED: 1 of 25 expectations does not hold, so nothing was published."
    assert f"✗ It {said}" in text_of(pages["index.html"])
    page = text_of(pages["validations/000001-orders.html"])
    assert "✗ FAILED: 1 of 8 expectations does not hold, so nothing was published." in page
    assert "order_id 8 (25.0 %) ✗ NO" in page  # of 32
    assert page.count("✓ yes") == 7
    assert "2 of 8 orders against it order_id O-7 O-7" in page
    assert "Passed: all 7" in text_of(pages["validations/000001-customers.html"])
    assert "Which rows break it?" not in pages["validations/000001-customers.html"]


def test_what_could_not_be_asked_is_no_pass(workspace):
    page = written(workspace, audited.broken(audited.audit(), SAME, error="no such column"))
    found = text_of(page["validations/000001-orders.html"])
    assert "not asked ✗ NO" in found
    assert "This could not be asked: no such column" in found


def test_a_value_that_is_missing_is_said_to_be_nothing(workspace):
    bad = audited.broken(audited.audit(), "Every order has an amount", ("O-1", ""))
    assert "O-1 (nothing)" in text_of(written(workspace, bad)["validations/000001-orders.html"])


def test_the_latest_stands_first_and_earlier_ones_stay_listed(workspace):
    days = [audited.audit(audited.MADE + timedelta(days=day), rows={"orders": 1}) for day in range(3)]
    pages = written(workspace, *days)
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", pages["index.html"], re.DOTALL)
    assert [text_of(row).split(" at ")[0].strip() for row in rows] == [
        "15 November 2025", "14 November 2025", "13 November 2025",
    ]  # fmt: skip
    assert sum(name.startswith("validations/") for name in pages) == 3


def test_of_very_many_audits_the_last_thirty_are_told(workspace):
    pages = written(workspace, *[audited.audit(rows={"orders": 1})] * 31)
    assert "The last 30 audits, the latest first" in text_of(pages["index.html"])
    assert sum(name.startswith("validations/") for name in pages) == 30
    assert "validations/000001-orders.html" not in pages


def test_without_an_audit_there_is_a_list_that_says_so(workspace):
    pages = written(workspace)
    assert "No audit was made yet." in text_of(pages["index.html"])
    assert "expectations/orders.html" in pages


def test_every_link_leads_to_a_page(workspace):
    pages = written(workspace, audited.audit(), audited.broken(audited.audit(), SAME, ("O-1",)))
    outside = {"index.html", "audit.html"}
    for name, page in pages.items():
        for link in re.findall(r'href="([^"#:]+)"', page):
            target = urljoin(f"data_docs/{name}", link)
            assert target in outside or target.removeprefix("data_docs/") in pages, (name, link)


def test_the_same_audits_give_the_same_bytes(workspace, tmp_path):
    other = workspace.model_copy(update={"data_dir": tmp_path / "other", "output_dir": tmp_path / "there"})
    one = audited.broken(audited.audit(), SAME, ("O-1",))
    assert written(workspace, one) == written(other, one)


def test_what_a_delivery_says_is_shown_as_text(workspace):
    one = audited.audit(deliveries=[HOSTILE])
    pages = written(workspace, audited.broken(one, SAME, (HOSTILE,), (HOSTILE,), error=""))
    for page in pages.values():
        assert page.count("<script>") == 1  # ours
    assert HOSTILE in text_of(pages["validations/000001-orders.html"])


@pytest.mark.parametrize(("mask", "shown"), [(False, "9876543210"), (True, "98xxxxxx10")])
def test_mobile_numbers_are_masked_where_that_is_asked_for(workspace, mask, shown):
    words = "Nobody takes over a number on the day on which another one does"
    asked = workspace.model_copy(update={"mask_pii": mask})
    bad = audited.broken(audited.audit(), words, ("9876543210", "2025-11-10", "C-1"))
    pages = written(asked, bad)
    assert shown in pages["validations/000001-holdings.html"]
    assert mask == all("9876543210" not in page for page in pages.values())


def test_times_are_those_of_the_business_s_zone():
    pages = data_docs.pages([audited.audit()], ZoneInfo("Pacific/Auckland"))
    assert "13 November 2025 at 17:30 NZDT" in pages["index.html"]
    assert "13 November 2025 at 10:00 IST" in data_docs.pages([audited.audit()], INDIA)["index.html"]
