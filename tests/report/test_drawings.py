import re
from datetime import date
from xml.etree import ElementTree

import pandas as pd
import pytest

from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.report import drawings

AS_OF = date(2025, 11, 10)
HARD_NAMES = [
    "$x$",
    r"\frac{1}{2}",
    "😀",
    "अनिता शर्मा",
    "中文名字",
    "Very long " * 30,
    "",
    "a\nb",
    "<b>&",
]


def kpi(name, rows):
    columns = DEFINITIONS[name].columns
    return pd.DataFrame(rows, columns=list(columns)).astype({c: DTYPES[k] for c, k in columns.items()})


def months(*rows):
    return kpi("monthly_trends", list(rows))


def regions(*rows):
    return kpi("regional_revenue", [(region, 1, 1, paise, paise) for region, paise in rows])


def people(*rows):
    return kpi("top_spenders", [(i, n, "9123456781", "North", 1, p, p, "2025-10-12") for i, n, p in rows])


def texts(drawing):
    return [one.text for one in ElementTree.fromstring(drawing.svg).iter() if one.tag.endswith("text")]


OCTOBER_AND_NOVEMBER = months((2025, 10, 10, 18067000), (2025, 11, 6, 6053000))


def test_every_bar_says_its_value():
    drawing = drawings.months(OCTOBER_AND_NOVEMBER, AS_OF)
    assert {"1.81", "0.61", "10", "6", "Revenue in ₹ lakh", "Orders", "Oct 2025", "so far"} <= set(
        texts(drawing)
    )
    said = texts(drawings.regions(regions(("West", 16502000), ("Unmatched", 50))))
    assert {"West", "₹1,65,020", "Unmatched", "₹0.50"} <= set(said)


def test_a_month_that_is_not_over_is_hatched():
    hatched = drawings.months(OCTOBER_AND_NOVEMBER, AS_OF).svg
    assert hatched.count("<pattern") == 2  # revenue and orders have colours of their own
    assert "<pattern" not in drawings.months(OCTOBER_AND_NOVEMBER, date(2025, 11, 30)).svg


@pytest.mark.parametrize(
    ("frame", "as_of", "said"),
    [
        (OCTOBER_AND_NOVEMBER, AS_OF, "October 2025 brought the most revenue: ₹1,80,670"),
        (
            months((2025, 10, 1, 1), (2025, 11, 1, 200)),
            AS_OF,
            "November 2025 brought the most revenue so far: ₹2",
        ),
        (months((2025, 11, 1, 200)), AS_OF, "November 2025 so far: ₹2"),
        (months((2025, 9, 1, 5), (2025, 10, 1, 5)), AS_OF, "2 months brought the most revenue: ₹0.05 each"),
    ],
)
def test_the_finding_is_true(frame, as_of, said):
    assert drawings.months(frame, as_of).finding == said


def test_regions_say_their_share_and_spenders_their_names():
    assert (
        drawings.regions(regions(("West", 200), ("East", 100))).finding
        == "West brought the most revenue: ₹2, 67 % of all"
    )
    assert (
        drawings.spenders(people(("C1", "Asha", 300), ("C2", "Bina", 100))).finding
        == "Asha spent the most: ₹3"
    )
    assert (
        drawings.spenders(people(("C1", "A", 5), ("C2", "B", 5))).finding
        == "2 customers spent the most: ₹0.05 each"
    )


def test_the_page_gives_the_colours():
    for drawing in (
        drawings.months(OCTOBER_AND_NOVEMBER, AS_OF),
        drawings.regions(regions(("West", 5), ("Unmatched", 1))),
    ):
        assert re.findall(r"#[0-9a-f]{6}\b(?!-)", drawing.svg) == []
        assert "var(--bar)" in drawing.svg
        assert "font-family" not in drawing.svg


def test_ids_are_the_drawings_own():
    one, other = drawings.regions(regions(("West", 5))).svg, drawings.spenders(people(("C1", "A", 5))).svg
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (one, other)]
    assert set(ids[0]) & set(ids[1]) == set()
    for svg, own in zip((one, other), ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', svg)) <= set(own)


def test_the_same_frame_gives_the_same_bytes():
    once, again = (drawings.months(OCTOBER_AND_NOVEMBER, AS_OF).svg for _ in range(2))
    assert once == again
    assert "<metadata" not in once


@pytest.mark.parametrize("name", HARD_NAMES)
def test_any_name_is_drawn(name):
    drawing = drawings.regions(regions((name, 100), ("North", 5)))
    assert "North" in texts(drawing)


def test_no_orders():
    assert drawings.months(months(), None) == drawings.Drawing("No orders", "")


@pytest.mark.parametrize(("count", "labelled"), [(8, 8), (9, 1), (60, 1)])
def test_many_months_do_not_crowd(count, labelled):
    rows = [(2018 + n // 12, n % 12 + 1, 1, 10**7 * (n + 1)) for n in range(count)]
    said = texts(drawings.months(months(*rows), date(2040, 1, 1)))
    assert sum(bool(re.fullmatch(r"\d+\.\d\d", text)) for text in said) == labelled
    assert sum(bool(re.fullmatch(r"\w{3} \d{4}", text)) for text in said) <= 8


def test_many_bars_are_cut_and_it_says_so():
    said = texts(drawings.regions(regions(*((f"R{n:04}", 2000 - n) for n in range(1057)))))
    assert "the largest 10 of 1,057 regions" in said
    assert "R0010" not in said
