"""A real server of Prefect's for tests, and its API, by HTTP alone."""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from lib.ports import free_port

from akasa.workspace.settings import ROOT, Settings

_SECONDS_TO_START = 240
_BUSY = 503  # its database is, for a moment
_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    "PREFECT_LOGGING_LEVEL": "INFO",
}


def required():
    """Skip where Prefect is not installed, and say what to install; in CI that is a failure."""
    if importlib.util.find_spec("prefect") is None:
        message = "prefect not found: pip install 'akasa[flow]'"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class Server:
    """One process of `prefect server start`, whose files lie in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.environment = {**_QUIET, "PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": self.url}
        self.process = None

    def start(self):
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", *place, "--no-ui"],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        until(lambda: self.process.poll() is None and self._answers(), _SECONDS_TO_START)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def _answers(self):
        try:
            return self.ask("/health") is True
        except OSError:
            return False

    def ask(self, path, **body):
        """Return what the API answers; a body makes it a POST."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"content-type": "application/json"}, method="POST" if body else "GET"
        )
        end = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    content = answer.read()
                return json.loads(content) if content else None
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != _BUSY or time.monotonic() > end:
                    raise
            time.sleep(1)

    def found(self, what, run):
        """Return the task runs or artifacts of a flow run."""
        return self.ask(f"/{what}/filter", flow_runs={"id": {"any_": [run]}}, limit=100)

    def tasks(self, run):
        """Return a flow run's task runs by name."""
        return {one["name"]: one for one in self.found("task_runs", run)}

    def artifacts(self, run):
        """Return a flow run's artifacts by key; tables as rows."""
        told = {one["key"]: one for one in self.found("artifacts", run)}
        return {
            key: json.loads(one["data"]) if one["type"] == "table" else one["data"]
            for key, one in told.items()
        }

    def run(self, run):
        return self.ask(f"/flow_runs/{run}")

    def runs(self):
        """Return all flow runs, the last one first."""
        return self.ask("/flow_runs/filter", sort="EXPECTED_START_TIME_DESC", limit=100)

    def ended(self, run, seconds=400):
        """Return a flow run when it has ended."""
        finals = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
        until(lambda: self.run(run)["state_type"] in finals, seconds)
        return self.run(run)

    def deployed(self, flow):
        """Return a flow's deployment; None where it is not served."""
        try:
            return self.ask(f"/deployments/name/{flow}/akasa")
        except urllib.error.HTTPError:
            return None

    def asked(self, flow, at=None, **parameters):
        """Ask for a run of a deployment, now or at a time; return its id."""
        details = {"scheduled_time": at.isoformat()} if at else {}
        state = {"type": "SCHEDULED", "state_details": details}
        where = f"/deployments/{self.deployed(flow)['id']}/create_flow_run"
        return self.ask(where, state=state, parameters=parameters)["id"]

    def set_state(self, run, kind):
        return self.ask(f"/flow_runs/{run}/set_state", state={"type": kind})


@contextmanager
def running(folder):
    """Start a server; stop it at the end, whatever happens."""
    started = Server(folder)
    try:
        started.start()
        yield started
    finally:
        if started.process:
            started.stop()


def environment(data, **changes):
    """Return the environment of a workspace: default settings, and outputs beside the data folder."""
    defaults = {name.upper(): "" for name in Settings.model_fields}
    folders = {"DATA_DIR": str(data), "OUTPUT_DIR": str(data.parent / "outputs")}
    ours = {"AKASA_ENV_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **defaults, **ours, **folders, **changes}


def command(*options):
    return [sys.executable, "-m", "akasa.flow", *options]


def until(is_so, seconds):
    """Wait until something is so; fail where it is not in time."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, is_so
        time.sleep(0.2)
    return found
