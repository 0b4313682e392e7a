"""The page in a real browser, over small worlds whose numbers were worked out by hand."""

import csv
import json
import re
import shutil
from datetime import UTC, datetime
from html import unescape
from urllib.parse import unquote

import pytest
from lib import audited, browser, paged, truth
from lib.drops import customers, deliver, orders

from akasa import kpis
from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS
from akasa.report import front
from akasa.run import samples
from akasa.validate import audits, quarantine
from akasa.workspace import settings
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.slow

HOSTILE = (
    "<script>document.title='owned'</script><img src=http://127.0.0.1:9/x onerror=document.title='owned'>"
)


def workspace(folder, **changes):
    (folder / "data/incoming").mkdir(parents=True)
    (folder / "outputs").mkdir()
    return settings.load(
        data_dir=folder / "data", output_dir=folder / "outputs", max_reject_ratio=1.0, **changes
    )


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as started:
        yield started


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The bundled sample and one later day: its page."""
    cfg = workspace(tmp_path_factory.mktemp("sample"))
    for name in samples.SAMPLE:
        shutil.copy(ROOT / "data" / name, cfg.data_dir)
    for file in (ROOT / "tests/data/incoming").iterdir():
        shutil.copy(file, cfg.incoming)
    audits.keep(cfg, audited.audit())
    return paged.page(cfg)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Amounts of thousands of crores, names in many scripts, names that are markup, long names."""
    cfg = workspace(tmp_path_factory.mktemp("odd"))
    truth.build(cfg.data_dir, "daily", seed=7, incoming=True)
    long = customers(("C-LONG" * 20, "9000000077", "Region" * 30), ("C-H", "9000000078", HOSTILE))
    bought = orders(
        *[(f"O-L{n}", "9000000077", "2025-11-03", "S", 1, "1.00") for n in range(2)],
        *[(f"O-H{n}", "9000000078", "2025-11-03", "S", 1, "99999999") for n in range(2)],
    )
    deliver(cfg, ("incoming/c_2025-12-02.csv", long), ("incoming/o_2025-12-02.xml", bought))
    return paged.page(cfg, engine="both", top_n=40)


VIEWS = [
    (which, width, scheme)
    for which in ("sample", "odd")
    for width in browser.WIDTHS
    for scheme in ("light", "dark")
]
USUAL = [  # each width, and each scheme
    *(("sample", 390, "dark"), ("sample", 768, "light"), ("sample", 1366, "dark")),
    *(("odd", 390, "light"), ("odd", 1366, "dark")),
]


@pytest.mark.parametrize(
    ("which", "width", "scheme"),
    [pytest.param(*view, marks=[] if view in USUAL else pytest.mark.long) for view in VIEWS],
)
def test_nothing_is_clipped_asked_for_or_wrong(chromium, request, which, width, scheme):
    with browser.Opened(chromium, request.getfixturevalue(which), width, scheme) as opened:
        assert opened.clipped() == []
        opened.unfold()
        assert opened.clipped() == []
        assert opened.requests == []
        assert opened.complaints == []
        if which == "sample" or (which, width, scheme) not in USUAL or width == 390:
            assert opened.axe() == []


@pytest.mark.parametrize("which", ["sample", "odd"])
def test_printed_nothing_is_clipped_and_all_is_unfolded(chromium, request, which):
    with browser.Opened(chromium, request.getfixturevalue(which), scheme="dark") as opened:
        opened.page.emulate_media(media="print", color_scheme="dark")
        opened.page.set_viewport_size({"width": 688, "height": 1000})  # A4 between its margins
        assert opened.clipped() == []
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        totals = opened.page.locator("details table").last
        assert totals.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")
        assert (
            totals.locator("thead").evaluate("one => getComputedStyle(one).display") == "table-header-group"
        )
        assert opened.page.locator("td.low").first.is_visible()
        assert not opened.page.locator("#theme").is_visible()


def test_the_browser_takes_no_name_for_markup(chromium, odd):
    with browser.Opened(chromium, odd) as opened:
        assert opened.page.title().startswith("Akasa: orders up to ")
        assert any("onerror" in text.lower() for text in opened.texts("[aria-labelledby=regions] tbody th"))
        assert opened.requests == []


def test_what_stands_at_the_top(sample):
    page = text_of(sample)
    assert "Orders up to 12 November 2025 · made on " in page
    assert "from 4 deliveries" in page
    assert "✓ Reconciled: SQL and pandas agree in every value, 21 control totals tie." in page
    assert "Revenue ₹3,70,789.50 October 2025: ₹1,80,670.00, +315.9 % on September" in page
    assert "Orders 32 October 2025: 10, +66.7 % on September" in page
    assert "Turned away 8 of 116 0 of 16 in the files of 12 November 2025, 8 of 100 in those before" in page
    assert "November 2025 is not over: it holds 12 of its 30 days" in page
    assert "One order, ORD-2025-0016 of 4 October 2025, is ₹1,05,000.00: 28.3 % of all revenue." in page
    assert "in the 30 days from 14 October to 12 November 2025" in page


def text_of(page):
    """Return a page's text, each run of space as one."""
    html = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", page.read_text("utf-8"), flags=re.DOTALL)
    apart = re.sub(r"</(dt|dd)>", " ", html.replace("<wbr>", ""))
    return re.sub(r"[\s\xa0]+", " ", unescape(re.sub(r"<[^>]+>", "", apart)))


def test_sorting_says_so_and_goes_by_value(chromium, odd):
    with browser.Opened(chromium, odd) as opened:
        table = opened.page.locator("[aria-labelledby=regions] table")
        revenue = table.get_by_role("button", name="Revenue")
        frame = results.read_result(odd.parent, "sql", "regional_revenue")

        def shown():
            cells = table.locator("tbody td:nth-child(4)")
            return [int(value) for value in cells.evaluate_all("all => all.map(one => one.dataset.v)")]

        assert table.locator("[aria-sort=descending]").text_content() == "Revenue"
        assert shown() == frame["total_revenue"].tolist()
        revenue.click()
        assert table.locator("[aria-sort]").evaluate_all(
            "all => all.map(one => [one.textContent, one.ariaSort])"
        ) == [["Revenue", "ascending"]]
        assert shown() == sorted(frame["total_revenue"])
        table.get_by_role("button", name="Buyers").focus()
        opened.page.keyboard.press("Enter")
        buyers = [int(v.replace(",", "")) for v in table.locator("tbody td:nth-child(2)").all_text_contents()]
        assert buyers == sorted(frame["customer_count"], reverse=True)


def test_months_are_sorted_by_time(chromium, sample):
    with browser.Opened(chromium, sample) as opened:
        table = opened.page.locator("[aria-labelledby=months] table")
        table.get_by_role("button", name="Month").click()
        assert table.locator("tbody th").all_text_contents() == [
            "November 2025, so far", "October 2025", "September 2025", "August 2025",
        ]  # fmt: skip


def test_filtering_leaves_the_rows_that_have_the_text(chromium, odd):
    with browser.Opened(chromium, odd) as opened:
        section = opened.page.locator("[aria-labelledby=repeats]")
        frame = results.read_result(odd.parent, "sql", "repeat_customers")
        section.get_by_role("searchbox").fill("SOUTH")
        south = [
            name
            for name, region in zip(frame["customer_name"], frame["region"], strict=True)
            if "south" in f"{name} {region}".lower()
        ]
        assert len(south) < len(frame)
        assert section.locator("tbody tr:visible th").all_text_contents() == south
        assert section.get_by_role("status").text_content() == f"{len(south)} of {len(frame)} rows"


def test_short_tables_have_no_filter(chromium, sample):
    with browser.Opened(chromium, sample) as opened:
        assert opened.page.locator("[aria-labelledby=months] input").count() == 0
        assert opened.page.locator("[aria-labelledby=spenders] input").count() == 1


def test_the_theme_can_be_changed(chromium, sample):
    with browser.Opened(chromium, sample) as opened:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = opened.page.evaluate(ground)
        opened.page.get_by_role("button", name="Dark").click()
        dark = opened.page.evaluate(ground)
        opened.page.get_by_role("button", name="Light").click()
        assert (light, opened.page.evaluate(ground)) == ("rgb(255, 255, 255)", light)
        assert dark != light


def test_every_link_leads_somewhere(chromium, odd):
    with browser.Opened(chromium, odd) as opened:
        links = opened.page.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        ids = opened.page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
        assert len(ids) == len(set(ids))
    made_by_a_run = re.compile(r"(notebooks|data_docs)/.*\.html")
    inner = {f"#{name}" for name in ids}
    files = [link for link in links if link not in inner and not made_by_a_run.fullmatch(link)]
    assert [link for link in files if not leads(odd.parent, *unquote(link).split("#"))] == []


def leads(folder, name, anchor=None):
    """Say whether a file is there, and has that anchor."""
    file = folder / name
    return file.is_file() and (anchor is None or f'id="{anchor}"' in file.read_text("utf-8"))


def test_a_download_is_the_file_beside_the_page(chromium, sample):
    with browser.Opened(chromium, sample, accept_downloads=True) as opened:
        for kpi, section in {"regional_revenue": "regions", "repeat_customers": "repeats"}.items():
            with opened.page.expect_download() as started:
                opened.page.locator(f"[aria-labelledby={section}] a", has_text="CSV").click()
            assert (
                started.value.path().read_bytes()
                == b"\xef\xbb\xbf" + (sample.parent / f"pandas_{kpi}.csv").read_bytes()
            )


@pytest.mark.parametrize("kpi", DEFINITIONS)
def test_the_pages_own_csv_has_every_row_of_a_kpi(odd, kpi):
    own = (odd.parent / f"tables/{kpi}.csv").read_bytes()
    assert own == b"\xef\xbb\xbf" + (odd.parent / f"pandas_{kpi}.csv").read_bytes()
    assert (odd.parent / f"tables/{kpi}.sql").read_bytes() == (ROOT / f"akasa/kpis/{kpi}.sql").read_bytes()


def test_rejects_lie_beside_the_page_as_they_came(odd):
    kept = {
        file.name: quarantine.read(file) for file in quarantine.written(odd.parent.parent / "data/rejects")
    }
    beside = {file.name: file for file in (odd.parent / "rejects").iterdir()}
    assert beside.keys() == kept.keys() != set()
    for name, frame in kept.items():
        assert beside[name].read_bytes().startswith(b"\xef\xbb\xbf")
        header, *rows = csv.reader(beside[name].read_text("utf-8-sig").splitlines(keepends=True))
        assert header == list(frame.columns)
        assert len(rows) == len(frame)


def test_the_same_facts_give_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2025, 11, 13, tzinfo=UTC).timestamp())))
    cfg = workspace(tmp_path)
    deliver(
        cfg,
        ("customers.csv", customers(("C-1", "9000000001", "North"))),
        ("orders.xml", orders(("O-1", "9000000001", "2025-11-12", "S", 1, "5.00"))),
    )
    once = paged.page(cfg).read_bytes()
    assert paged.page(cfg).read_bytes() == once
    assert b"made on 13 November 2025 at 05:30 IST" in once


def test_no_orders_is_a_page_too(chromium, tmp_path):
    cfg = workspace(tmp_path)
    deliver(cfg, ("customers.csv", customers(("C-1", "9000000001", "North"))))
    with browser.Opened(chromium, paged.page(cfg), 390) as opened:
        assert opened.clipped() == opened.complaints == opened.axe() == []
        assert opened.texts("[aria-labelledby=months] .none") == ["There are no orders up to this day."]
        assert opened.texts("[aria-labelledby=rejects] p")[0].startswith("Nothing: every record")


def test_masked_no_number_is_on_the_page_or_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MASK_PII", "true")
    monkeypatch.setenv("AKASA_ENV_FILE", "/dev/null")
    cfg = workspace(tmp_path)
    shutil.copy(ROOT / "data/customers.csv", cfg.data_dir)
    shutil.copy(ROOT / "data/orders.xml", cfg.data_dir)
    shutil.copy(ROOT / "tests/data/incoming/customers_2025-11-12.csv", cfg.incoming)
    blank = customers(("C-9", "", "North"))
    deliver(cfg, ("incoming/of 8861290457_2025-11-13.csv", blank))
    page = paged.page(cfg)
    numbers = set(re.findall(r"(?<!\d)[6-9]\d{9}(?!\d)", (cfg.data_dir / "customers.csv").read_text()))
    written = [file for file in cfg.output_dir.rglob("*") if file.is_file()]
    assert len(numbers) > 15
    assert {"rejects", "tables"} <= {file.parent.name for file in written}
    assert not [file.name for file in written if "8861290457" in file.name]
    for file in written:
        assert {number for number in numbers if number in file.read_text("utf-8")} == set(), file.name
    assert "88xxxxxx57" in page.read_text("utf-8")
    assert "Revenue ₹3,42,559.50" in text_of(page)


def test_long_tables_show_the_first_200_rows_and_link_the_whole(tmp_path):
    cfg = workspace(tmp_path)
    many = [(f"C-{n:03}", f"9{n:09}", "North") for n in range(203)]
    bought = [
        (f"O-{n:03}-{k}", f"9{n:09}", "2025-11-12", "S", 1, "5.00") for n in range(203) for k in range(2)
    ]
    deliver(cfg, ("customers.csv", customers(*many)), ("orders.xml", orders(*bought)))
    page = text_of(paged.page(cfg))
    assert "The first 200 of 203 rows; the file has all." in page
    assert len((cfg.output_dir / "tables/repeat_customers.csv").read_text("utf-8").splitlines()) == 204


def test_what_does_not_agree_is_said_first(chromium, tmp_path):
    cfg = workspace(tmp_path)
    deliver(
        cfg,
        ("customers.csv", customers(("C-1", "9000000001", "North"))),
        ("orders.xml", orders(("O-1", "9000000001", "2025-11-12", "S", 1, "5.00"))),
    )
    manifest, _ = paged.proved(cfg)
    file = cfg.output_dir / "sql_monthly_trends.json"
    file.write_text(
        json.dumps([{"year": 2025, "month": 11, "order_count": 1, "total_revenue": 6.00}]).replace(
            "6.0", "6.00"
        )
    )
    front.write_page(cfg, manifest, kpis.prove(cfg, "pandas"))
    with browser.Opened(chromium, cfg.output_dir / "index.html") as opened:
        assert "NOT reconciled: do not use these numbers. 1 values of SQL and pandas differ" in opened.texts(
            ".verdict.fails"
        )[0].replace("\n", " ")
        assert opened.axe() == []
