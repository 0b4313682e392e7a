"""JupyterLab for real, in a browser: after an hour's work in it, nothing of the project has changed."""

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from lib import browser, ports

from akasa.run import samples, steps
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.long

OF_SOMEBODY_CARELESS = """
c.IdentityProvider.token = ""
c.ServerApp.root_dir = "/"
c.ServerApp.contents_manager_class = "jupyter_server.services.contents.filemanager.FileContentsManager"
c.KernelManager.transport = "tcp"
"""
SECONDS = 1000.0  # in playwright's milliseconds


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, committed, with a report that was delivered, and its environment."""
    folder = tmp_path_factory.mktemp("lab") / "akasa"
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    home = folder.with_name("home")
    (home / ".jupyter").mkdir(parents=True)
    (home / ".jupyter/jupyter_server_config.py").write_text(OF_SOMEBODY_CARELESS)
    environment = {**os.environ, **samples.defaults(), "PYTHONPATH": str(folder), "HOME": str(home)}
    command = [sys.executable, "-m", "akasa", "report"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    return folder, environment


@contextmanager
def running(project, *options):
    """Run the lab; give its address with its token, and its process, which is stopped at the end."""
    folder, environment = project
    port = ports.free_port()
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "akasa",
        "lab",
        "--no-browser",
        "--port",
        str(port),
        *options,
    ]
    log = folder.with_name("lab.log")
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        url = address(process, log)
        ports.wait_for(int(re.search(r":(\d+)/", url)[1]))
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # its threads say where they are
            process.wait(30)
            raise AssertionError(log.read_text()) from None


def address(process, log):
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/lab\S*", log.read_text())
        if found:
            return found[0]
        assert process.poll() is None, log.read_text()
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(log.read_text())


class Analyst:
    """Somebody at the browser."""

    def __init__(self, page, folder, pictures):
        self.page, self.work, self.pictures = page, folder / "work", pictures

    def photograph(self, name):
        if self.pictures:
            self.page.screenshot(path=self.pictures / f"{name}.png")

    def choose(self, menu, entry):
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{menu}$")).click()
        self.page.locator(".lm-Menu-item", has_text=re.compile(f"^{re.escape(entry)}")).first.click()

    def open(self, name):
        """Open a notebook from the list; a click is lost where the list is drawn anew under the mouse."""
        tab = self.page.locator(f'.lm-TabBar-tab.jp-mod-current >> text="{name}.ipynb"')
        for _ in range(6):
            self.page.locator(".jp-DirListing-item", has_text=f"{name}.ipynb").dblclick()
            with suppress(browser.required().TimeoutError):
                tab.wait_for(timeout=10 * SECONDS)
                break
        self.idle()

    @property
    def notebook(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def idle(self):
        self.notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(
            timeout=120 * SECONDS
        )

    def run_all(self, name):
        """Run all cells, save, and return the code cells as saved: all have run, or one has failed."""
        self.choose("Edit", "Clear Outputs of All Cells")
        self.choose("Run", "Run All Cells")
        while True:
            self.page.wait_for_timeout(0.3 * SECONDS)
            self.idle()
            self.save()
            cells = [cell for cell in json.loads(self.saved(name))["cells"] if cell["cell_type"] == "code"]
            if errors(cells) or all(cell["execution_count"] for cell in cells):
                return cells

    def saved(self, name):
        """Return a notebook's file, when it is whole: JupyterLab empties it before it writes."""
        while True:
            text = (self.work / f"{name}.ipynb").read_text("utf-8")
            with suppress(json.JSONDecodeError):
                json.loads(text)
                return text
            self.page.wait_for_timeout(0.05 * SECONDS)

    def save(self):
        """Save until all is saved: what the kernel says meanwhile is to be saved, too.

        A save begun before the one before is answered finds a file that changed on disk, and asks.
        """
        dirty = self.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")
        for _ in range(30):
            with self.page.expect_response(lambda answer: is_save(answer.request)):
                self.choose("File", "Save Notebook")
            with suppress(browser.required().TimeoutError):
                dirty.wait_for(state="detached", timeout=2 * SECONDS)
                return
        raise AssertionError("what was changed is never saved")

    def write(self, cell, text):
        self.notebook.locator(".jp-Notebook-cell.jp-CodeCell .cm-content").nth(cell).click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)


def is_save(request):
    return request.method == "PUT" and "/api/contents/" in request.url


def errors(cells):
    return [
        output["evalue"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"
    ]


def printed(cells):
    return "".join("".join(output.get("text", "")) for cell in cells for output in cell["outputs"])


def digests(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def processes_with(text):
    """Return the command lines of processes that name a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [line] if text in line else []
    return found


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as started:
        yield started


def test_an_hour_in_the_lab_changes_nothing_that_is_committed_or_delivered(project, chromium):
    folder, _ = project
    committed, delivered = digests(folder / "notebooks"), digests(folder / "outputs")
    pictures = os.environ.get("AKASA_PICTURES")
    with running(project) as (url, process):
        kernels = Path((folder / "work/.lab/kernels").read_text())
        context = chromium.new_context(viewport={"width": 1366, "height": 900})
        context.set_default_timeout(120 * SECONDS)  # a busy machine answers a save late
        page = context.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        analyst = Analyst(page, folder, pictures and Path(pictures))
        page.wait_for_selector('.lm-TabBar-tab.jp-mod-current >> text="00_start.ipynb"', timeout=60 * SECONDS)
        analyst.idle()
        page.wait_for_timeout(2 * SECONDS)
        assert page.locator(".jp-Dialog, .jp-toast-button").count() == 0, "something pops up"
        analyst.photograph("start")
        assert errors(analyst.run_all("00_start")) == []
        analyst.photograph("start-run")

        for step in steps.STEPS:
            analyst.open(step)
            cells = analyst.run_all(step)
            assert errors(cells) == [], step
            assert all(cell["execution_count"] for cell in cells)
            analyst.photograph(step)
        assert "written: work/outputs/index.html" in printed(cells)
        assert "10 November 2025" in (folder / "work/outputs/index.html").read_text("utf-8")

        parameters = (
            'engine: str = "pandas"\nas_of: str = "2025-10-31"\nwindow_days: int = 30\ntop_n: int = 3'
        )
        analyst.open("03_kpis_sql")
        analyst.write(0, parameters.partition("\n")[2])
        assert errors(analyst.run_all("03_kpis_sql")) == []
        analyst.open("05_report")
        assert errors(analyst.run_all("05_report")) == [
            "sql was computed for as_of = 2025-10-31, pandas for 2025-11-10: "
            "run 03_kpis_sql and 04_kpis_memory alike"
        ]
        analyst.photograph("apart")
        analyst.open("04_kpis_memory")
        analyst.write(0, parameters)
        assert errors(analyst.run_all("04_kpis_memory")) == []
        analyst.open("05_report")
        assert errors(analyst.run_all("05_report")) == []
        assert "31 October 2025" in (folder / "work/outputs/index.html").read_text("utf-8")

        analyst.write(
            0,
            "from akasa.workspace import progress\nprogress.tell('sleeping')\n__import__('time').sleep(600)",
        )
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(4 * SECONDS)
        analyst.photograph("busy")
        analyst.choose("Kernel", "Interrupt Kernel")
        analyst.idle()
        analyst.save()
        first = next(c for c in json.loads(analyst.saved("05_report"))["cells"] if c["cell_type"] == "code")
        assert [o["ename"] for o in first["outputs"] if "ename" in o] == ["KeyboardInterrupt"]
        analyst.photograph("interrupted")

        analyst.choose("Kernel", "Restart Kernel…")
        page.locator(".jp-Dialog .jp-mod-accept").click()
        analyst.write(0, 'engine: str = "pandas"')
        assert errors(analyst.run_all("05_report")) == []

        page.locator(".jp-BreadCrumbs-home").click()
        page.locator(".jp-DirListing-item", has_text="notebooks").dblclick()
        analyst.open("01_ingest")
        analyst.choose("Run", "Run All Cells")
        page.wait_for_timeout(2 * SECONDS)
        analyst.idle()
        analyst.photograph("read-only")
        assert {address.partition("?")[0] for address in asked if "127.0.0.1" not in address} == set()
        context.close()
        assert processes_with(str(kernels)) != []
    assert process.returncode is not None
    assert processes_with(str(kernels)) == []
    assert not kernels.exists()
    assert git(folder, "status", "--porcelain") == ""
    assert digests(folder / "notebooks") == committed
    assert digests(folder / "outputs") == delivered


def ask(request):
    with suppress(OSError, http.client.HTTPException):
        urllib.request.urlopen(request)


def test_it_ends_when_it_is_told_to_while_a_kernel_starts(project):
    folder, _ = project
    with running(project) as (url, process):
        kernels = Path((folder / "work/.lab/kernels").read_text())
        base, token = re.match(r"(http://[^/]+)/.*token=(\w+)", url).groups()
        asked = urllib.request.Request(f"{base}/api/kernels?token={token}", method="POST")
        threading.Thread(target=ask, args=(asked,), daemon=True).start()
        while not processes_with(str(kernels)):
            time.sleep(0.01)
    assert process.returncode == 0
    for _ in range(100):
        if not processes_with(str(kernels)):
            break
        time.sleep(0.1)
    assert processes_with(str(kernels)) == []
    assert not kernels.exists()


def test_nobody_comes_in_without_the_token(project):
    with running(project) as (url, _):
        base, token = re.match(r"(http://[^/]+)/.*token=(\w+)", url).groups()
        assert len(token) == 48
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/api/contents")
        with urllib.request.urlopen(f"{base}/api/contents?token={token}") as answer:
            names = {one["name"] for one in json.load(answer)["content"]}
        assert {"work", "notebooks", "outputs", "data"} <= names
