"""Every page that a run writes, in a real browser: at any width, light, dark and printed."""

import re
from html import unescape
from urllib.parse import unquote

import pytest
from lib import browser

from akasa.run.steps import STEPS
from akasa.validate.suites import suites
from akasa.workspace import promotion

pytestmark = pytest.mark.slow

PAGES = [
    *("index.html", "audit.html", "explain.html", "data_quality.html", "data_docs/index.html"),
    *(f"notebooks/{step}.html" for step in STEPS),
    *(f"data_docs/validations/000001-{table}.html" for table in suites()),
    *(f"data_docs/expectations/{table}.html" for table in suites()),
]
# Of Data Docs, pages of one template: in `make test`, those of orders and deliveries stand for them.
LIKE_OTHERS = tuple(
    f"{place}{table}.html"
    for table in ("customers", "order_items", "holdings")
    for place in ("validations/000001-", "expectations/")
)
A4 = {"width": 688, "height": 1000}  # between its margins


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as started:
        yield started


def test_these_are_all_pages_of_a_run(reported):
    assert {name for name in promotion.listed(reported.parent / "outputs") if name.endswith(".html")} == {
        *PAGES
    }


def in_their_turn(name):
    return pytest.param(name, marks=pytest.mark.long if name.endswith(LIKE_OTHERS) else ())


@pytest.mark.parametrize("name", [in_their_turn(name) for name in PAGES])
def test_nothing_is_clipped_asked_for_or_wrong(chromium, reported, name):
    code_may_scroll = name.startswith("notebooks/")  # but not on paper
    with browser.Opened(chromium, reported.parent / "outputs" / name, 390) as opened:
        opened.unfold()
        clipped = {}
        for width, height in browser.WIDTHS.items():
            opened.page.set_viewport_size({"width": width, "height": height})
            clipped[width] = opened.clipped(code_may_scroll)
        opened.page.set_viewport_size({"width": 390, "height": 844})
        wrong = {"light": opened.axe()}
        opened.page.emulate_media(media="print")
        opened.page.set_viewport_size(A4)
        clipped["A4"] = opened.clipped()
        opened.page.emulate_media(media="screen", color_scheme="dark")
        opened.page.set_viewport_size({"width": 1366, "height": 768})
        wrong["dark"] = opened.axe()
        assert {where: found for where, found in clipped.items() if found} == {}
        assert wrong == {"light": [], "dark": []}
        assert opened.requests == []
        assert opened.complaints == []


def test_every_link_leads_to_a_file_and_to_a_place_in_it(reported):
    outputs = reported.parent / "outputs"
    lost = []
    for name in PAGES:
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]*)"', (outputs / name).read_text("utf-8")):
            address, _, place = unescape(link).partition("#")
            file = outputs / name if not address else (outputs / name).parent / unquote(address)
            there = file.is_file() and (not place or f'id="{place}"' in file.read_text("utf-8"))
            lost += [] if there else [(name, link)]
    assert lost == []
