"""README.md and docs/ say what is so: settings, reasons, KPIs, examples, names, links, commands.

Where a table lacks a line, the failure prints the line to add.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from akasa.__main__ import main
from akasa.ingest import deliveries, readers
from akasa.kpis.definitions import DEFINITIONS, Definition
from akasa.validate import cleaning
from akasa.validate.rules import REASONS, judge_orders
from akasa.workspace.settings import ROOT, Settings

README, SETTINGS, RULES = ROOT / "README.md", ROOT / "docs/settings.md", ROOT / "docs/rules.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
INDIA = "Asia/Kolkata"
CLEANERS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "ids": cleaning.ids,
    "mobile_number": cleaning.mobiles,
    "customer_name": cleaning.names,
    "region": cleaning.regions,
    "order_date_time": partial(cleaning.times, source_timezone=INDIA, business_timezone=INDIA),
    "sku_count": cleaning.counts,
    "total_amount": cleaning.amounts,
}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def rows(text: str, *header: str) -> list[list[str]]:
    """Return the cells of every table with that header; no cell may hold a bar."""
    line = re.escape(f"| {' | '.join(header)} |")
    bodies = re.findall(rf"^{line}\n\|[-:| ]+\|\n((?:\|.*\|\n)*)", text, re.MULTILINE)
    found = [[cell.strip() for cell in row[1:-1].split("|")] for body in bodies for row in body.splitlines()]
    assert {len(row) for row in found} == {len(header)}, header
    return found


def to_add(there: list[str], needed: list[str]) -> str:
    missing = [line for line in needed if line not in there]
    return "\n".join(["add or mend:", *missing] if missing else ["a line too many, or not in its place"])


def code(text: str) -> list[str]:
    """Return fenced blocks, and what stands in backticks outside of them."""
    fence = r"^```.*?\n(.*?)^```$"
    flags = re.MULTILINE | re.DOTALL
    return re.findall(fence, text, flags) + re.findall(r"`([^`\n]+)`", re.sub(fence, "", text, flags=flags))


# Settings.


def test_every_setting_is_explained_with_its_default() -> None:
    lines = rows(SETTINGS.read_text(), "setting", "default", "meaning")
    table = {name.strip("`").lower(): default for name, default, _ in lines}
    needed = [_setting_line(name) for name in Settings.model_fields]
    there = [_setting_line(name) for name in Settings.model_fields if name in table]
    assert sorted(table) == sorted(Settings.model_fields), to_add(there, needed)
    for name, default in table.items():
        assert _reads_as(name, default.strip("`")), f"{default} is not the default: {_setting_line(name)}"
        assert (default == "none") == (Settings.model_fields[name].default is None)


def test_env_example_shows_every_setting_with_its_default() -> None:
    found = re.findall(r"^#? ?([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    shown = {name.lower(): value for name, value in found}
    there = [_example_line(name) for name in Settings.model_fields if name in shown]
    needed = [_example_line(name) for name in Settings.model_fields]
    assert sorted(name.lower() for name, _ in found) == sorted(Settings.model_fields), to_add(there, needed)
    for name, value in shown.items():
        has_none = Settings.model_fields[name].default is None
        assert has_none or _reads_as(name, value), _example_line(name)


def _example_line(name: str) -> str:
    return f"# {name.upper()}={_default(name)}"


def _setting_line(name: str) -> str:
    default = _default(name)
    return f"| `{name.upper()}` | {f'`{default}`' if default else 'none'} | what it means |"


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    return "" if default is None else f"{default:d}" if isinstance(default, bool) else str(default)


def _reads_as(name: str, text: str) -> bool:
    given = {} if text == "none" else {name: text}
    return bool(getattr(Settings(**given), name) == getattr(Settings(), name))


# Rules.


def test_every_reason_is_explained_in_the_order_of_the_rules() -> None:
    table = rows(RULES.read_text(), "reason", "meaning", "what to do")
    there = [f"| {reason} | {meaning} | what to do |" for reason, meaning, _ in table]
    needed = [f"| `{reason}` | {meaning} | what to do |" for reason, meaning in REASONS.items()]
    assert there == needed, to_add(there, needed)


def test_every_kpi_is_defined_with_its_columns_order_and_key() -> None:
    table = rows(RULES.read_text(), "KPI", "a row", "columns", "order", "key")
    there = [f"| {name} | what a row is | {' | '.join(rest)} |" for name, _, *rest in table]
    needed = [_kpi_line(one) for one in DEFINITIONS.values()]
    assert there == needed, to_add(there, needed)


def _kpi_line(one: Definition) -> str:
    order = [f"{column} ↓" if descending else column for column, descending in one.order]
    columns, sorted_by, key = (", ".join(part) for part in (one.columns, order, one.key))
    return f"| `{one.name}` | what a row is | {columns} | {sorted_by} | {key} |"


def examples(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield field, text and its clean form, of the tables under the field's heading.

    Text stands in backticks, several with one clean form in one cell; `nothing` is a blank and an absent
    field; `rejected` is no clean form.
    """
    for field in CLEANERS:
        _, section = text.split(f"\n### {field}\n")
        for given, becomes in rows(re.split(r"\n##", section)[0], "text", "becomes"):
            texts: list[str | None] = re.findall(r"`([^`]*)`", given) or {"nothing": [None, ""]}[given]
            clean = None if becomes == "rejected" else becomes.strip("`")
            yield from ((field, one, clean) for one in texts)


def wrong(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return the examples that the cleaning functions clean otherwise, with what they give."""
    cleaned = [(*one, _clean(*one[:2])) for one in examples(text)]
    return [one for one in cleaned if one[2] != one[3]]


def _clean(field: str, text: str | None) -> str | None:
    (value,) = CLEANERS[field](pa.array([text], pa.string())).to_pylist()
    return value.isoformat() if isinstance(value, datetime) else None if value is None else str(value)


def test_every_example_of_an_accepted_form_becomes_what_it_says() -> None:
    assert wrong(RULES.read_text()) == []


def test_a_wrong_example_is_found() -> None:
    planted = RULES.read_text().replace("`9876-543-210`", "`9876/543/210`").replace("`1e3`", "`1300`")
    assert wrong(planted) == [
        ("mobile_number", "9876/543/210", "9876543210", None),
        ("total_amount", "1300", None, "130000"),
    ]


def test_every_field_has_examples() -> None:
    ids = {"customer_id", "order_id", "sku_id"}
    fields = {*readers.CUSTOMER_FIELDS, *readers.ORDER_FIELDS} - ids | {"ids"}
    assert {field for field, *_ in examples(RULES.read_text())} == fields
    assert all(f"`{one}`" in RULES.read_text().split("\n### ids\n")[1].split("\n|")[0] for one in ids)


def test_every_file_name_has_the_day_that_it_says() -> None:
    table = rows(RULES.read_text(), "name", "day")
    said = [(name, day) for names, day in table for name in re.findall(r"`([^`]*)`", names)]
    assert said == [(name, str(deliveries.date_in_name(name) or "none").lower()) for name, _ in said]


# Names.

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "akasa").rglob("*.py")
    if not path.stem.startswith("__")
]
LIBRARIES = {"pandas", "dask"}  # these names without a room are the libraries
FILES = {"csv", "db", "html", "ipynb", "json", "lock", "md", "png", "py", "sql", "toml", "xml", "yaml", "yml"}
DOTTED = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")


@by_page
def test_every_path_of_the_project_that_is_mentioned_is_there(page: Path) -> None:
    text = re.sub(r"the new file `[^`]+`", "", page.read_text())
    mentioned = re.findall(r"(?<![\w./])(?:akasa|tests|notebooks|docs)/[\w./*-]*", text)
    absent = [path for path in mentioned if not any(ROOT.glob(path.rstrip("./") or path))]
    assert absent == []


@by_page
def test_every_function_that_is_mentioned_is_there(page: Path) -> None:
    """`module.function`, `room.module.function` and `akasa.room.module.function` are looked up."""
    dotted = [match[1] for span in code(page.read_text()) if (match := DOTTED.fullmatch(span))]
    assert [name for name in dotted if _is_ours(name) and not _is_there(name)] == []


def _is_ours(name: str) -> bool:
    first, *_, last = name.split(".")
    return last not in FILES and (first in ("ak", "akasa") or bool(_starts(first)))


def _starts(first: str) -> list[str]:
    """Return the room of that name, else the modules."""
    if (ROOT / "akasa" / first / "__init__.py").exists():
        return [f"akasa.{first}"]
    return [one for one in MODULES if one.endswith(f".{first}") and first not in LIBRARIES]


def _is_there(name: str) -> bool:
    first, *rest = name.split(".")
    starts = ["akasa"] if first in ("ak", "akasa") else _starts(first)
    return any(_holds(import_module(start), rest) for start in starts)


def _holds(found: Any, rest: list[str]) -> bool:
    """Look a name up, part by part; a room's modules are not its attributes before they are imported."""
    for part in rest:
        if isinstance(found, ModuleType) and f"{found.__name__}.{part}" in MODULES:
            found = import_module(f"{found.__name__}.{part}")
        elif hasattr(found, part):
            found = getattr(found, part)
        else:
            return False
    return True


def test_a_name_that_is_not_there_is_found() -> None:
    assert _is_there("rules.judge_orders")
    assert _is_there("validate.rules.judge_orders")
    assert _is_there("akasa.validate.rules.Parted.count")
    assert not _is_there("rules.judge_order")
    assert not _is_there("kpis.rules")
    assert not _is_ours("orders.xml")
    assert not _is_ours("pandas.read_xml")


# Links and commands.


def headings(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@by_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"(?:\]\(|src=\")([^)\"]+)", page.read_text()):
        path, _, anchor = target.partition("#")
        if not path.startswith(("http://", "https://")):
            to = page.parent / path if path else page
            assert to.exists(), target
            assert not anchor or anchor in headings(to), target


@by_page
def test_every_make_target_that_is_mentioned_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {name for part in code(page.read_text()) for name in re.findall(r"\bmake ([a-z-]+)", part)}
    assert mentioned - targets == set()


@by_page
def test_every_variable_of_make_that_is_mentioned_is_used(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = "\n".join(code(page.read_text()))
    given = re.findall(r"\bmake [a-z-]+ ([A-Z].*)", commands)
    mentioned = {name for text in given for name in re.findall(r"\b([A-Z_]+)=", text)}
    assert {name for name in mentioned if not re.search(rf"[(, ]{name}[), ]", makefile)} == set()


@by_page
def test_every_command_and_option_that_is_mentioned_exists(page: Path) -> None:
    for part in code(page.read_text()):
        for name, arguments in re.findall(r"python -m akasa ([a-z]+)([^#\n]*)", part):
            assert name in main.commands
            known = {flag for one in main.commands[name].params for flag in one.opts} | {"--help"}
            assert set(re.findall(r"--[a-z-]+", arguments)) <= known, name


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert README.stat().st_size <= 9_000
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in README.read_text()] == []


def test_the_walk_of_an_order_tells_of_the_sample() -> None:
    told = (ROOT / "docs/architecture.md").read_text()
    orders = ROOT / "data/orders.xml"
    raw = readers.read_orders(orders).read_all()
    judged = judge_orders(raw, cleaning.clean_orders(raw), date(2025, 11, 11))
    parts = len(judged.accepted), len(judged.rejected), judged.repeats
    first, *_, last = (r["record"] for r in raw.to_pylist() if r["order_id"] == "ORD-2025-0019")
    assert f"`{deliveries.sha256(orders)[:12]}…`" in told
    assert f"The {len(raw)} `<order>` elements" in told
    assert f"records {first} to {last}" in told
    assert "{} are accepted, {} rejected and {} is an exact repeat".format(*parts) in told
