import logging
import warnings
from io import BytesIO

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from akasa.kpis.definitions import DEFINITIONS, DTYPES
from akasa.report import charts

HARD_NAMES = [
    "$x$", "$", r"$\frac$", r"\frac{1}{2}", "a_b^c", "😀", "अनिता शर्मा", "தமிழ் பெயர்", "中文名字",
    "Very long " * 30, "", " ", "a\nb", "\x01", "<b>&", "%s {0}", "ﷺ",
]  # fmt: skip


def kpi(name: str, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    columns = DEFINITIONS[name].columns
    return pd.DataFrame(rows, columns=list(columns)).astype({c: DTYPES[k] for c, k in columns.items()})


def months(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    return kpi("monthly_trends", list(rows))


def regions(*rows: tuple[str, int]) -> pd.DataFrame:
    return kpi("regional_revenue", [(region, 1, 1, paise, paise) for region, paise in rows])


def people(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return kpi("top_spenders", [(i, n, "9123456781", "North", 1, p, p, "2025-10-12") for i, n, p in rows])


def heights(figure: Figure, panel: int) -> list[tuple[float, float]]:
    return [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in figure.axes[panel].patches]


def labels(axis: object) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_monthly_shows_revenue_orders_and_gaps() -> None:
    figure = charts.monthly_figure(months((2024, 12, 4, 20000000), (2025, 2, 9, 123456700)))
    december = 2024 * 12 + 11
    assert figure.get_suptitle() == "February 2025 brought the most revenue: ₹12,34,567"
    assert heights(figure, 0) == [(december, 2.0), (december + 2, 12.34567)]
    assert heights(figure, 1) == [(december, 4), (december + 2, 9)]
    assert [axes.get_ylabel() for axes in figure.axes] == ["Revenue (₹ lakh)", "Orders"]
    assert labels(figure.axes[1].xaxis) == ["Dec\n2024", "Jan\n2025", "Feb\n2025"]


@pytest.mark.parametrize(
    ("frame", "title"),
    [
        (months((2025, 10, 3, 120050)), "October 2025: ₹1,200.50"),
        (
            months((2025, 9, 1, 500), (2025, 10, 1, 500), (2025, 11, 1, 4)),
            "2 months brought the most revenue: ₹5 each",
        ),
        (months((2025, 9, 1, 0)), "September 2025: ₹0"),
        (months((2025, 9, 1, 501), (2025, 10, 1, 500)), "September 2025 brought the most revenue: ₹5.01"),
    ],
)
def test_monthly_title_says_the_finding(frame: pd.DataFrame, title: str) -> None:
    assert charts.chart("monthly_trends", frame).alt == title


@pytest.mark.parametrize(("count", "step"), [(12, 1), (13, 2), (36, 3), (72, 6), (73, 12), (300, 36)])
def test_month_labels_never_crowd(count: int, step: int) -> None:
    figure = charts.monthly_figure(months(*((2000 + n // 12, n % 12 + 1, 1, 100) for n in range(count))))
    ticks = figure.axes[1].get_xticks().tolist()
    assert ticks[1] - ticks[0] == step
    assert len(ticks) <= 12


def test_regions_stand_largest_first() -> None:
    figure = charts.regional_figure(regions(("South", 100), ("North", 1000000000), ("Unmatched", 0)))
    (axes,) = figure.axes
    assert figure.get_suptitle() == "North brought the most revenue: ₹1,00,00,000"
    assert labels(axes.yaxis) == ["North", "South", "Unmatched"]
    assert [bar.get_width() for bar in axes.patches] == [1.0, 1e-7, 0.0]
    assert [text.get_text() for text in axes.texts] == ["₹1,00,00,000", "₹1", "₹0"]
    assert axes.get_xlabel() == "Revenue (₹ crore)"
    assert axes.yaxis_inverted()


def test_spenders_are_told_apart_by_their_ids() -> None:
    figure = charts.spenders_figure(people(("C2", "Asha", 100), ("C1", "Asha", 300)))
    assert figure.get_suptitle() == "Asha (C1) spent the most: ₹3"
    assert labels(figure.axes[0].yaxis) == ["Asha (C1)", "Asha (C2)"]
    assert figure.axes[0].get_xlabel() == "Spent (₹)"


def test_a_number_for_a_name_or_an_id_is_drawn_masked_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = people(("9876543210", "Asha +91 91234 56781", 100), ("C1", "Asha", 30))
    for value, name in (("0", "Asha +91 91234 56781 (9876543210)"), ("1", "Asha 91xxxxxx81 (98xxxxxx10)")):
        monkeypatch.setenv("MASK_PII", value)
        assert charts.chart("top_spenders", frame).alt == f"{name} spent the most: ₹1"


def test_many_bars_are_cut_and_the_axis_says_so() -> None:
    (axes,) = charts.regional_figure(regions(*((f"R{n}", 100 + n) for n in range(1057)))).axes
    assert len(axes.patches) == 20
    assert labels(axes.yaxis)[0] == "R1056"
    assert axes.get_xlabel() == "Revenue (₹), the largest 20 of 1,057 regions"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (2.5, "2.5"), (100000.0, "1,00,000"), (1200.0, "1,200")]
)
def test_ticks_are_grouped_the_indian_way(value: float, text: str) -> None:
    figure = charts.monthly_figure(months((2025, 10, 1, 100)))
    assert figure.axes[0].yaxis.get_major_formatter()(value, 0) == text


@pytest.mark.parametrize("name", ["monthly_trends", "regional_revenue", "top_spenders"])
def test_no_orders(name: str) -> None:
    image = charts.chart(name, kpi(name, []))
    assert image.alt == "No orders"
    assert image.data.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", HARD_NAMES)
def test_any_name_is_drawn_in_silence(
    name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        charts.chart("regional_revenue", regions((name, 100), ("North", 5)))
        charts.chart("top_spenders", people((name[:20], name, 100), ("C1", name, 5)))
    assert (caught, caplog.records, capfd.readouterr()) == ([], [], ("", ""))


def test_dollar_signs_stay_dollar_signs() -> None:
    alt = charts.chart("regional_revenue", regions(("$x$", 100), ("North", 5))).alt
    assert alt == "$x$ brought the most revenue: ₹1"


def test_the_default_font_has_every_character_of_ours() -> None:
    # A missing glyph warns, and a warning fails this test.
    charts.monthly_figure(months((2025, 10, 1, 10**7), (2025, 11, 1, 10**9))).savefig(BytesIO())
    charts.regional_figure(regions(("North" * 20, 100))).savefig(BytesIO())


def test_the_same_frame_gives_the_same_bytes_and_words() -> None:
    frame = months((2025, 9, 1, 501), (2025, 10, 1, 500))
    first, second = charts.chart("monthly_trends", frame), charts.chart("monthly_trends", frame)
    assert first.data == second.data
    assert b"Software" not in first.data
    assert repr(first) == "<IPython.core.display.Image object>"


def test_drawing_leaves_nothing_behind() -> None:
    before = dict(mpl.rcParams)
    charts.chart("monthly_trends", months((2025, 10, 1, 100)))
    assert dict(mpl.rcParams) == before


def test_the_frame_is_not_changed() -> None:
    frame = regions(("South", 1), ("North", 2))
    copy = frame.copy()
    charts.chart("regional_revenue", frame)
    pd.testing.assert_frame_equal(frame, copy)
