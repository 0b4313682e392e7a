"""The page behind the numbers: what is told there, what is left to the command, and what it costs."""

import re

import pytest
from lib import inprocess, paged
from lib.drops import customers, deliver, orders

from akasa.report import explanations, front
from akasa.workspace import settings as settings_
from akasa.workspace.settings import ROOT


@pytest.fixture
def workspace(workspace):
    return workspace.model_copy(update={"max_reject_ratio": 1.0})


def written(cfg, **options):
    """Return the report's page and the one behind it."""
    with inprocess.steps(ROOT / "notebooks", []):
        index = paged.page(cfg, **options)
    return index.read_text("utf-8"), (index.parent / explanations.PAGE).read_text("utf-8")


def deliver_sample(cfg):
    deliver(cfg, *((name, (ROOT / "data" / name).read_bytes()) for name in ("customers.csv", "orders.xml")))


def test_every_number_of_the_four_tables_leads_to_its_row(workspace):
    deliver_sample(workspace)
    index, behind = written(workspace)
    links = re.findall(r'<a href="explain\.html#([^"]+)">', index)
    # 4 months have two numbers, 5 regions and Unmatched four, 10 spenders three, 5 who came back one.
    assert len(links) == 4 * 2 + 6 * 4 + 10 * 3 + 5
    assert set(links) == set(re.findall(r'<article id="([^"]+)"', behind))
    assert "Every row below adds up to the paisa" in behind
    assert behind.count("Adds up, recomputed") == len(set(links))
    assert (
        '<p class="where">orders.xml, record 42, line 336</p><pre>&lt;order&gt;\n    &lt;order_id&gt;'
        in behind
    )
    assert "₹7,450.00: before the days that count; orders.xml" in behind


def test_what_is_too_much_is_left_to_the_command(workspace, monkeypatch):
    monkeypatch.setattr(explanations, "MOST_LISTED", 5)
    monkeypatch.setattr(explanations, "MOST_DAYS", 10)
    deliver_sample(workspace)
    index, behind = written(workspace)
    assert not re.findall("explain.html#(?:top|monthly|regional)", index)
    for command in (
        "make explain KPI=top_spenders",
        "make explain KPI=monthly_trends WHERE=&#39;year=2025 month=8&#39;",
    ):
        assert command.replace(" ", "") in re.sub("<wbr>| ", "", index)
    assert "too many orders to be told here: <code>make explain KPI=top_spenders" in behind


def test_the_page_has_at_most_its_bytes(workspace, monkeypatch):
    deliver_sample(workspace)
    monkeypatch.setattr(explanations, "MOST_BYTES", 50_000)
    _, behind = written(workspace)
    assert len(behind.encode()) <= 50_000
    assert "too many orders to be told here" in behind


def test_a_number_that_its_lines_do_not_come_to_is_said_at_the_top_of_both_pages(workspace, monkeypatch):
    deliver(
        workspace,
        ("customers.csv", customers(("C-1", "9000000001", "North"))),
        ("orders.xml", orders(("O-1", "9000000001", "2025-11-10", "SKU-1", 1, "5.00"))),
    )
    true = front.explanations.gather

    def planted(settings, proof):
        frame = proof.results["sql"]["regional_revenue"]
        frame["total_revenue"] += 1
        return true(settings, proof)

    monkeypatch.setattr(front.explanations, "gather", planted)
    index, behind = written(workspace)
    assert "Do not use these numbers: 1 row is not what its delivered lines come to" in index
    assert "1 of the rows below do not add up" in behind
    assert "total_revenue is 5.01 in this report, but the lines come to 5.00" in re.sub("<wbr>", "", behind)


def test_masked_no_number_is_on_the_page(workspace, monkeypatch):
    monkeypatch.setenv("MASK_PII", "1")
    cfg = settings_.load(max_reject_ratio=1.0)
    deliver_sample(cfg)
    _, behind = written(cfg)
    numbers = set(re.findall(r"[6-9]\d{9}", (cfg.data_dir / "orders.xml").read_text()))
    assert not [number for number in numbers if number in behind]
    assert "91xxxxxx04" in behind
