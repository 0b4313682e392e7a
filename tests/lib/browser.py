"""Pages in a real Chromium, as people open them: from disk, at any width, light, dark or printed."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("chromium")
AXE = Path(__file__).with_name("axe") / "axe.min.js"
WIDTHS = {390: 844, 768: 1024, 1366: 768}
# What is wider than the place it has, but for what is hidden from the eye on purpose; and, where that may
# be scrolled, for what stands in a frame of its own that does.
_CLIPPED = """mayScroll => [...document.querySelectorAll("body, body *")]
    .filter(one => !(one instanceof SVGElement) && !one.closest(".unseen, .skip"))
    .filter(one => {
        for (let frame = one; mayScroll && frame !== document.body; frame = frame.parentElement)
            if (["auto", "scroll"].includes(getComputedStyle(frame).overflowX)) return false;
        return true;
    })
    .filter(one => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
    .map(one => `${one.className || one.tagName} ${one.scrollWidth} > ${one.clientWidth} ${one.innerText}`)"""
_CROWDED = """() => [...document.querySelectorAll("figure svg")].flatMap(svg => {
    const outer = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter(text => {
        const inner = text.getBoundingClientRect();
        return inner.left < outer.left - 1 || inner.right > outer.right + 1
            || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
    }).map(text => text.textContent);
})"""


def required():
    """Skip, or fail in CI, where there is no browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    if PROGRAM is None:
        message = "no chromium: install the Debian package of that name"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return playwright


@contextmanager
def running():
    """Give a browser."""
    with required().sync_playwright() as started:
        browser = started.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Opened:
    """A page that was opened: what it asked for beside itself, and what it complained of."""

    def __init__(self, browser, file, width=1366, scheme="light", **more):
        self.context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, **more
        )
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(Path(file).as_uri())
        self.requests.remove(Path(file).as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def unfold(self):
        self.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")

    def clipped(self, may_scroll=False):
        """Return what is cut off or has to be scrolled sideways, and texts that leave their drawing.

        Where it `may_scroll`, what has a frame to be scrolled in is not cut off.
        """
        return self.page.evaluate(_CLIPPED, may_scroll) + self.page.evaluate(_CROWDED)

    def axe(self):
        """Return what axe-core finds: rule, and the first elements."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")  # of others, one node is enough
        return [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found["violations"]]

    def texts(self, selector):
        return self.page.locator(selector).all_text_contents()
