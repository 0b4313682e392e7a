"""KPI frames as charts: pictures whose title says the finding.

`chart` returns a finished PNG with its title as alternative text. Drawn here, not when a notebook displays
it, it leaves no global state and no font warning behind.
"""

import logging
import warnings
from calendar import month_name
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import Image

from akasa.report.formats import indian, indian_count
from akasa.workspace import masking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = ((10**9, "₹ crore"), (10**7, "₹ lakh"), (100, "₹"))
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans Devanagari",
    "Noto Sans Tamil",
    "Noto Sans CJK JP",
    "Nirmala UI",
    "Arial Unicode MS",
)
WIDTH, BAR_HEIGHT = 8.0, 0.32
MOST_BARS, MOST_TICKS, FEWEST_SLOTS = 20, 12, 6
INK, SOFT, FAINT, BAR = "#1c2330", "#5b6472", "#e3e6ea", "#3b6ea5"
STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "font.size": 9,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
}


def chart(kpi: str, frame: pd.DataFrame) -> Image:
    """Draw monthly_trends, regional_revenue or top_spenders. Raises KeyError for a KPI without a chart."""
    return _picture(FIGURES[kpi], masking.table(frame) if masking.is_asked_for() else frame)


def monthly_figure(frame: pd.DataFrame) -> "Figure":
    """Return two panels over one axis of months: revenue above, orders below."""
    months = list(zip(frame["year"].tolist(), frame["month"].tolist(), strict=True))
    names = [f"{month_name[month]} {year}" for year, month in months]
    slots = [year * 12 + month - 1 for year, month in months]
    figure = _figure(
        4.2, _finding(names, frame["total_revenue"].tolist(), "brought the most revenue", "months")
    )
    revenue, orders = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    scale, unit = unit_of(max(frame["total_revenue"]))
    _columns(revenue, slots, frame["total_revenue"] / scale, f"Revenue ({unit})", BAR)
    _columns(orders, slots, frame["order_count"], "Orders", SOFT)
    orders.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    _label_months(orders, min(slots), max(slots))
    return figure


def regional_figure(frame: pd.DataFrame) -> "Figure":
    """Return one bar for each region, largest first."""
    ranked = frame.sort_values("total_revenue", ascending=False, kind="stable")
    names = [clipped(region, 32) for region in ranked["region"]]
    paise = ranked["total_revenue"].tolist()
    return _bars(
        names, paise, _finding(names, paise, "brought the most revenue", "regions"), "Revenue", "regions"
    )


def spenders_figure(frame: pd.DataFrame) -> "Figure":
    """Return one bar for each customer, largest first."""
    ranked = frame.sort_values("total_spent", ascending=False, kind="stable")
    people = zip(ranked["customer_name"], ranked["customer_id"], strict=True)
    names = [f"{clipped(name, 28)} ({clipped(identity, 20)})" for name, identity in people]
    paise = ranked["total_spent"].tolist()
    return _bars(names, paise, _finding(names, paise, "spent the most", "customers"), "Spent", "customers")


FIGURES: dict[str, Callable[[pd.DataFrame], "Figure"]] = {
    "monthly_trends": monthly_figure,
    "regional_revenue": regional_figure,
    "top_spenders": spenders_figure,
}


def _picture(draw: Callable[[pd.DataFrame], "Figure"], frame: pd.DataFrame) -> Image:
    stream = BytesIO()
    with styled():
        figure = _figure(0.6, "No orders") if frame.empty else draw(frame)
        figure.savefig(stream, format="png", dpi=144, metadata={"Software": None})
    return Image(stream.getvalue(), width=int(WIDTH * 96), alt=figure.get_suptitle())


@contextmanager
def styled() -> Iterator[None]:
    """Use our style and the fonts that this machine has; a character that none of them has is a box."""
    # A first import may say that it builds a font cache: nothing for a report.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    families = [family for family in FAMILIES if family in installed]
    with mpl.rc_context({**STYLE, "font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield


def _figure(height: float, title: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _finding(names: Sequence[str], paise: Sequence[int], deed: str, many: str) -> str:
    best = max(paise)
    leaders = [name for name, amount in zip(names, paise, strict=True) if amount == best]
    if len(leaders) > 1:
        return f"{len(leaders)} {many} {deed}: {in_short(best)} each"
    return f"{leaders[0]} {deed}: {in_short(best)}" if len(names) > 1 else f"{names[0]}: {in_short(best)}"


def _bars(names: Sequence[str], paise: Sequence[int], title: str, label: str, many: str) -> "Figure":
    shown = paise[:MOST_BARS]
    scale, unit = unit_of(shown[0])
    figure = _figure(1.1 + BAR_HEIGHT * len(shown), title)
    axes = figure.subplots()
    bars = axes.barh(range(len(shown)), [amount / scale for amount in shown], color=BAR, height=0.7)
    axes.bar_label(bars, labels=[in_short(amount) for amount in shown], padding=4)
    axes.set_yticks(range(len(shown)), labels=names[:MOST_BARS])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.25 * max(shown[0], 1) / scale)
    axes.xaxis.set_major_formatter(_tick)
    rest = (
        f", the largest {len(shown)} of {indian_count(len(paise))} {many}" if len(paise) > len(shown) else ""
    )
    axes.set_xlabel(f"{label} ({unit}){rest}")
    return figure


def _columns(axes: "Axes", slots: Sequence[int], heights: "pd.Series[float]", label: str, color: str) -> None:
    axes.bar(slots, heights, color=color)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(_tick)
    axes.grid(visible=False, axis="x")


def _label_months(axes: "Axes", first: int, last: int) -> None:
    span = last - first + 1
    step = next(
        (step for step in (1, 2, 3, 6) if span <= step * MOST_TICKS), 12 * -(-span // (12 * MOST_TICKS))
    )
    slots = range(first, last + 1, step)
    axes.set_xticks(slots, labels=[f"{month_name[slot % 12 + 1][:3]}\n{slot // 12}" for slot in slots])
    margin = max(0.6, (FEWEST_SLOTS - span) / 2)
    axes.set_xlim(first - margin, last + margin)


def unit_of(paise: int) -> tuple[int, str]:
    return next((unit for unit in UNITS if paise >= unit[0]), UNITS[-1])


def _tick(value: float, _position: float) -> str:
    return indian_count(int(value)) if value == int(value) else f"{value:g}"


def in_short(paise: int) -> str:
    return indian(paise).removesuffix(".00")


def clipped(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
