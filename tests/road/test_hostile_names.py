"""What a delivery calls its customers and regions does nothing in any output: it is shown as text."""

import csv
import json
import re
from datetime import date, timedelta

import pytest
from lib import command, drops

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", '=HYPERLINK("http://192.0.2.1")', "＝1+1"]
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</pre></td></table><h1>owned</h1>",
    "&lt;b&gt;",
    r"$\frac$",
    r"\(x\) $$y$$",
    "**bold** [x](javascript:alert(1))",
    "![x](http://192.0.2.1/x.png)",
    "# heading",
    "`code`",
    "{{ 7*7 }} {% raw %}",
    "'; drop table customers; --",
]
NAMES = FORMULAS + MARKUP


def deliver(data):
    """Each name is a customer's, a region's and a part of an id; each customer ordered twice of late."""
    (data / "incoming").mkdir(parents=True)
    rows = [["customer_id", "customer_name", "mobile_number", "region"]]
    rows += [[f"{name} {n}", name, f"90000000{n:02d}", name] for n, name in enumerate(NAMES)]
    with (data / "customers.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    first = date(2025, 11, 1)
    lines = [
        (f"O-{n}-{k}", f"90000000{n:02d}", f"{first + timedelta(n % 9 + k)}", "S", "1", str(1_000 + n))
        for n in range(len(NAMES))
        for k in range(2)
    ]
    (data / "orders.xml").write_bytes(drops.orders(*lines))


@pytest.mark.long
def test_names_are_text_in_every_output(tmp_path):
    data, outputs = tmp_path / "data", tmp_path / "outputs"
    deliver(data)
    outputs.mkdir()
    ran = command.report(data)
    assert ran.returncode == 0, ran.stdout + ran.stderr

    spenders = json.loads((outputs / "sql_repeat_customers.json").read_text("utf-8"))
    assert {one["customer_name"] for one in spenders} == set(NAMES)
    for file in outputs.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert [cell for cell in cells if re.match(r"[=+\-@\t\r＝]", cell)] == [], file.name

    pages = [*outputs.rglob("*.html")]
    assert len(pages) >= 6
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.search(
            r"<script>alert|<img src=x|<h1>owned|href=.javascript:|192\.0\.2\.1/x\.png.>", text
        ), page.name
        assert "<h1>owned" not in text
    for notebook in outputs.rglob("*.ipynb"):
        for kind, text in outputs_of(notebook):
            if kind in ("text/html", "text/markdown"):
                assert not re.search(r"<script>alert|<img src=x|<h1>owned", text), (notebook.name, text)
            if kind == "text/markdown":
                assert not re.search(
                    r"(?<!\\)\*\*bold|(?<!\\)!\[x\]|(?<!\\)\]\(javascript|^# heading", text, re.MULTILINE
                )


def outputs_of(notebook):
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    return [(kind, "".join(text)) for data in shown for kind, text in data.items()]
