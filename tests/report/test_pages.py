import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest
from matplotlib.image import imread
from nbformat import NotebookNode
from nbformat import v4 as nb

from akasa.report import charts
from akasa.report.pages import render_html

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1000,1600",
)
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
MONTHS = pd.DataFrame({"year": [2025], "month": [10], "order_count": [3], "total_revenue": [120050]})
CODE_BACKGROUND = (0xF6, 0xF8, 0xFA)


def shown(**data: str) -> NotebookNode:
    named = {name.replace("_", "/", 1): text for name, text in data.items()}
    return nb.new_output("display_data", {"text/plain": "plain", **named})


def notebook(*cells: NotebookNode) -> NotebookNode:
    return nb.new_notebook(cells=list(cells), metadata={"language_info": {"name": "python"}})


def report() -> NotebookNode:
    chart = charts.chart("monthly_trends", MONTHS)
    picture = nb.new_output(
        "execute_result", {"image/png": b64encode(chart.data).decode(), "text/plain": "Image"}
    )
    picture.metadata["image/png"] = {"alt": chart.alt, "width": chart.width}
    names = pd.DataFrame({"customer_name": [HOSTILE]})
    return notebook(
        nb.new_markdown_cell("# Airline KPIs\n\nRevenue is **exact**."),
        nb.new_code_cell("as_of = ''", metadata={"tags": ["parameters"]}),
        nb.new_code_cell("as_of = '2025-10-12'", metadata={"tags": ["injected-parameters"]}),
        nb.new_code_cell("names", outputs=[shown(text_html=names.to_html())]),
        nb.new_code_cell('ak.report.chart("monthly_trends", months)', outputs=[picture]),
        nb.new_code_cell(
            "print('18 records')", outputs=[nb.new_output("stream", name="stdout", text="18 records\n")]
        ),
        nb.new_code_cell(
            "1 / 0", outputs=[nb.new_output("error", ename="E", evalue="", traceback=["division by zero"])]
        ),
    )


@pytest.fixture
def chromium(tmp_path: Path) -> Callable[..., str]:
    """Return a function that opens a page in a real browser and returns the document that came of it."""
    program = shutil.which("chromium")
    if program is None:
        message = "no /usr/bin/chromium: install the Debian package chromium"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)

    def opened(html: str, *options: str) -> str:
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [program, *FLAGS, profile, *options, (tmp_path / "page.html").as_uri()]
        return subprocess.run(command, capture_output=True, check=True, timeout=120, encoding="utf-8").stdout

    return opened


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """Serve nothing on 127.0.0.1 and list what is asked for, the address first."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        paths.append(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield paths
        server.shutdown()


def test_the_page_has_title_language_and_links() -> None:
    page = render_html(
        report(), "KPIs <2025> & more", [("Report", "index.html"), ('"Data" & <Docs>', 'a&b".html')]
    )
    assert '<html lang="en">' in page
    assert "<title>KPIs &lt;2025&gt; &amp; more</title>" in page
    assert '<a href="index.html">Report</a>' in page
    assert re.search(r"""<a href=['"]a&amp;b(&#34;|&quot;|").html['"]>.*&lt;Docs&gt;</a>""", page)


def test_every_cell_keeps_its_code_folded() -> None:
    page = render_html(report(), "KPIs")
    assert page.count('<details class="code">') == 6
    assert page.count("<summary>Parameters</summary>") == 2
    assert page.count("<summary>Code</summary>") == 4


def test_outputs_errors_and_alternative_texts_are_in_the_page() -> None:
    page = render_html(report(), "KPIs")
    assert "18 records" in page
    assert "division by zero" in page
    assert 'alt="October 2025: ₹1,200.50"' in page


def test_headings_can_be_linked_to() -> None:
    assert '<h1 id="Airline-KPIs">' in render_html(report(), "KPIs")


def test_text_of_a_table_stays_escaped() -> None:
    assert "&lt;script&gt;document.title='owned'&lt;/script&gt;" in render_html(report(), "KPIs")
    assert HOSTILE not in render_html(report(), "KPIs")


def test_the_page_is_small_and_names_no_other_address() -> None:
    page = render_html(notebook(nb.new_markdown_cell("# Empty")), "KPIs")
    assert len(page) < 20_000
    assert not re.search(r"https?:|@import|url\(|<link", page)


def test_the_same_notebook_gives_the_same_page() -> None:
    once = report()
    assert render_html(once, "KPIs") == render_html(once, "KPIs")


def test_the_notebook_is_not_changed() -> None:
    once = report()
    before = nb.writes(once)
    render_html(once, "KPIs")
    assert nb.writes(once) == before


def test_the_browser_offers_the_code(chromium: Callable[..., str]) -> None:
    page = render_html(report(), "KPIs")
    document = chromium(page, "--dump-dom")
    assert document.count('<details class="code">') == 6
    assert re.search(r"<label><input", document), "our script, which shows the switch, did not run"
    ticked = chromium(page.replace('id="show-code"', 'id="show-code" checked'), "--dump-dom")
    assert ticked.count('<details class="code" open="">') == 6


def test_the_browser_hides_the_code_at_first(chromium: Callable[..., str], tmp_path: Path) -> None:
    page = render_html(report(), "KPIs")
    pixels = {}
    for name, html in {"hidden": page, "open": page.replace("<details", "<details open")}.items():
        chromium(html, f"--screenshot={tmp_path / name}.png")
        picture = (imread(tmp_path / f"{name}.png")[:, :, :3] * 255).round().astype(int)
        pixels[name] = int((picture == CODE_BACKGROUND).all(axis=2).sum())
    assert pixels["hidden"] == 0
    assert pixels["open"] > 10_000


def test_the_browser_asks_for_nothing_and_runs_nothing_foreign(
    chromium: Callable[..., str], asked: list[str]
) -> None:
    away = asked[0]
    foreign = (
        f"<script src='{away}/a.js'></script><link rel='stylesheet' href='{away}/b.css'>"
        f"<img src='{away}/c.png'>"
    )
    outputs = [shown(text_html=foreign + HOSTILE), shown(text_markdown=f"![x]({away}/d.png)\n\n{HOSTILE}")]
    page = render_html(
        notebook(nb.new_markdown_cell(HOSTILE), nb.new_code_cell("x", outputs=outputs)), "KPIs"
    )
    document = chromium(page, "--dump-dom")
    assert asked == [away]
    assert "<title>KPIs</title>" in document
    # The same page without its policy does both, so this test can fail.
    document = chromium(re.sub(r'<meta content="default-src[^>]*>', "", page), "--dump-dom")
    assert {"/a.js", "/b.css", "/c.png", "/d.png"} <= set(asked)
    assert "<title>owned</title>" in document
