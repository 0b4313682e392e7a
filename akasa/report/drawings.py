"""KPI frames as drawings within the page: SVG whose colours are the page's own, light or dark.

Text stays text, in the page's font, and the same frame gives the same bytes. A drawing stands beside a table
that has all its values, so that it has no axis of numbers: each bar says its own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import TYPE_CHECKING, Any

import pandas as pd

from akasa.kpis.definitions import UNMATCHED
from akasa.report import charts, periods
from akasa.report.formats import indian_count
from akasa.report.periods import Month

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, SLIM = 4.2, 3.1  # inches, of 72 units each; letters are as large in both, where a page shows them so
LONGEST_NAME = {WIDTH: 20, SLIM: 16}  # characters
MOST_MONTHS, LABELLED_MONTHS, TICKED_MONTHS, MOST_BARS = 24, 8, 8, 10
# Colours that stand for the page's own until the drawing is done.
INK, SOFT, LINE, BAR, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", BAR: "--bar", PAPER: "--page"}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.spines.left": False,
    "axes.grid": False,
    "font.size": 9.5,
    "hatch.linewidth": 1.2,
    "xtick.bottom": False,
}


@dataclass(frozen=True)
class Drawing:
    """An SVG element, and the finding that is its title and its alternative text."""

    finding: str
    svg: str


def months(frame: pd.DataFrame, as_of: date | None) -> Drawing:
    """Draw revenue and orders by month, the last 24 at most; one that is not over is hatched.

    The finding never calls a month that is not over the best one.
    """
    return _drawn(
        "monthly_trends", frame, lambda rows: _months(rows, as_of), lambda rows: month_finding(rows, as_of)
    )


def regions(frame: pd.DataFrame) -> Drawing:
    """Draw the ten largest regions' revenue."""
    names, paise = frame["region"].tolist(), frame["total_revenue"].tolist()
    total = sum(paise)
    return _drawn(
        "regional_revenue",
        frame,
        lambda rows: _bars(names, paise, "regions", [SOFT if name == UNMATCHED else BAR for name in names]),
        lambda rows: finding(names, paise, "brought the most revenue", "regions", total),
    )


def spenders(frame: pd.DataFrame) -> Drawing:
    """Draw what the ten who spent most did spend."""
    names, paise = frame["customer_name"].tolist(), frame["total_spent"].tolist()
    return _drawn(
        "top_spenders",
        frame,
        lambda rows: _bars(names, paise, "customers", [BAR] * len(names), SLIM),
        lambda rows: finding(names, paise, "spent the most", "customers"),
    )


def month_finding(frame: pd.DataFrame, as_of: date | None) -> str:
    """Say which month brought the most, and where it is not over, that it did so far."""
    rows = zip(frame["year"].tolist(), frame["month"].tolist(), frame["total_revenue"].tolist(), strict=True)
    paise = {Month(year, month): amount for year, month, amount in rows}
    best = max(paise.values())
    leaders = [month for month, amount in paise.items() if amount == best]
    if len(leaders) > 1:
        return f"{len(leaders)} months brought the most revenue: {charts.in_short(best)} each"
    so_far = "" if as_of is None or periods.is_over(leaders[0], as_of) else " so far"
    if len(paise) == 1:
        return f"{leaders[0].words}{so_far}: {charts.in_short(best)}"
    return f"{leaders[0].words} brought the most revenue{so_far}: {charts.in_short(best)}"


def finding(names: Sequence[str], paise: Sequence[int], deed: str, many: str, total: int = 0) -> str:
    """Say who is first, and with which share of a total, if one is given.

    >>> finding(["West", "East"], [7500, 2500], "brought the most revenue", "regions", 10000)
    'West brought the most revenue: ₹75, 75 % of all'
    """
    leaders = [name for name, amount in zip(names, paise, strict=True) if amount == max(paise)]
    if len(leaders) > 1:
        return f"{indian_count(len(leaders))} {many} {deed}: {charts.in_short(max(paise))} each"
    share = f", {(200 * max(paise) + total) // (2 * total)} % of all" if total else ""
    return f"{leaders[0]} {deed}: {charts.in_short(max(paise))}{share}"


def _drawn(
    salt: str,
    frame: pd.DataFrame,
    draw: Callable[[pd.DataFrame], "Figure"],
    find: Callable[[pd.DataFrame], str],
) -> Drawing:
    if frame.empty:
        return Drawing("No orders", "")
    import matplotlib as mpl

    own: dict[Any, Any] = {**_STYLE, "svg.hashsalt": salt}
    with charts.styled(), mpl.rc_context(own):
        figure, stream = draw(frame), StringIO()
        figure.savefig(
            stream,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
        )
    said = find(frame)
    return Drawing(said, _of_the_page(stream.getvalue(), salt))


def _of_the_page(svg: str, salt: str) -> str:
    """Return an SVG file as an element: its colours and font are the page's, its ids are its own."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'<style type="text/css">.*?</style>', "", element, flags=re.DOTALL)
    element = re.sub(r' (width|height)="[\d.]+pt"', "", element, count=2)
    element = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", element)
    element = re.sub(r"font-family: [^;\"]*;?", "", element)
    element = re.sub(r'\bid="', f'id="{salt}-', element)
    element = re.sub(r'(url\(|href=")#', rf"\1#{salt}-", element)
    for color, variable in VARIABLES.items():
        element = element.replace(color, f"var({variable})")
    return re.sub(r"\n\s*\n+", "\n", element)


def label(paise: int) -> str:
    """Return an amount as a bar is labelled with: exact, but crores to two decimals.

    >>> label(16502000), label(50605833_83)
    ('₹1,65,020', '₹5.06 crore')
    """
    return f"₹{in_units(paise, 10**9)} crore" if paise >= 10**9 else charts.in_short(paise)


def in_units(paise: int, scale: int) -> str:
    """Return paise in units of so many, half up: two decimals, but whole rupees.

    >>> in_units(18067000, 10**7), in_units(449, 100), in_units(10**15, 10**9)
    ('1.81', '4', '10,00,000.00')
    """
    if scale == 100:
        return indian_count((paise + 50) // 100)
    hundredths = (200 * paise + scale) // (2 * scale)
    return f"{indian_count(hundredths // 100)}.{hundredths % 100:02d}"


def _months(frame: pd.DataFrame, as_of: date | None) -> "Figure":
    rows = zip(
        *(frame[name].tolist() for name in ("year", "month", "order_count", "total_revenue")), strict=True
    )
    values = {Month(year, month): (orders, paise) for year, month, orders, paise in rows}
    shown = periods.until(min(values), max(values))[-MOST_MONTHS:]
    figure = _figure(2.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2))
    scale, unit = charts.unit_of(max(paise for _, paise in values.values()))
    is_open = [as_of is not None and not periods.is_over(month, as_of) for month in shown]
    paise = [values.get(month, (0, 0))[1] for month in shown]
    orders = [values.get(month, (0, 0))[0] for month in shown]
    _columns(upper, paise, [in_units(amount, scale) for amount in paise], is_open, BAR, f"Revenue in {unit}")
    _columns(lower, orders, [indian_count(count) for count in orders], is_open, SOFT, "Orders")
    step = -(-len(shown) // TICKED_MONTHS)
    places = range((len(shown) - 1) % step, len(shown), step)
    lower.set_xticks(places, labels=[_tick(shown[place], is_open[place]) for place in places])
    lower.tick_params(axis="x", length=0)
    margin = max(0.6, (4 - len(shown)) / 2)
    lower.set_xlim(-margin, len(shown) - 1 + margin)
    return figure


def _tick(month: Month, is_open: bool) -> str:
    name = f"{month.words[:3]} {month.year}"
    return f"{name}\nso far" if is_open else name


def _columns(
    axes: "Axes",
    heights: Sequence[int],
    labels: Sequence[str],
    is_open: Sequence[bool],
    color: str,
    title: str,
) -> None:
    bars = axes.bar(range(len(heights)), heights, width=0.62, color=color, edgecolor=color, linewidth=0)
    for bar, hatched in zip(bars, is_open, strict=True):
        if hatched:
            bar.set(facecolor="none", edgecolor=color, hatch="////", linewidth=1)
    best = heights.index(max(heights))
    every = len(heights) <= LABELLED_MONTHS
    axes.bar_label(
        bars,
        labels=[label if every or at in (best, len(heights) - 1) else "" for at, label in enumerate(labels)],
        padding=2,
    )
    axes.set_ylim(0, 1.22 * max(*heights, 1))
    axes.set_yticks([])
    axes.set_title(title, loc="left", fontsize=9.5, color=SOFT)


def _bars(
    names: Sequence[str], paise: Sequence[int], many: str, colors: Sequence[str], width: float = WIDTH
) -> "Figure":
    shown = paise[:MOST_BARS]
    figure = _figure(0.25 + 0.3 * len(shown) + (0.25 if len(paise) > len(shown) else 0), width)
    axes = figure.subplots()
    bars = axes.barh(range(len(shown)), shown, color=colors[: len(shown)], height=0.62)
    labels = [label(amount) for amount in shown]
    clipped = [charts.clipped(name, LONGEST_NAME[width]) for name in names[:MOST_BARS]]
    axes.bar_label(bars, labels=labels, padding=4)
    axes.set_yticks(range(len(shown)), labels=clipped)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, max(*shown, 1))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    if len(paise) > len(shown):
        rest = f"the largest {len(shown)} of {indian_count(len(paise))} {many}"
        figure.supxlabel(rest, x=0.02, ha="left", fontsize=9.5, color=SOFT)
    return figure


def _figure(height: float, width: float = WIDTH) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))
