"""Whatever happens to a workspace: a run that skips leaves what one leaves that never does.

Before each run the workspace is copied; in the copy, all steps run by force. Then both hold the same outputs,
but for the time at which the page was made, and the account of the publish (02) where only the copy made one.
"""

import json
import os
import re
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lib import inprocess
from lib.drops import customers, deliver, orders

from akasa.publish import withdraw
from akasa.run import due, ingredients, parameters, pipeline
from akasa.run.steps import NOTEBOOKS, STEPS
from akasa.run.told import StepFailed
from akasa.stores import lock
from akasa.workspace import clock
from akasa.workspace.settings import Settings, load

# Small worlds, so that names and ids collide; two in ten records are bad.
NAMES = ["orders.xml", "incoming/o_2025-11-11.xml", "incoming/o_2025-11-12.xml", "incoming/o.xml"]
PEOPLE = ["customers.csv", "incoming/c_2025-11-12.csv", "incoming/c_2025-11-13.csv"]
LINES = st.tuples(
    st.sampled_from(["O-1", "O-2", "O-3"]),
    st.sampled_from(["9000000001", "9000000002", "9000000003"]),
    st.sampled_from(["2025-10-12", "2025-11-01 10:00", "2025-11-10"]),
    st.sampled_from(["S-1", "S-2"]),
    st.sampled_from(["1", "2", "x"]),
    st.sampled_from(["10.00", "20.00"]),
)
ROWS = st.tuples(
    st.sampled_from(["C-1", "C-2"]),
    st.sampled_from(["9000000001", "9000000002", "12"]),
    st.sampled_from(["North", "South", ""]),
)
XMLS = st.lists(LINES, min_size=1, max_size=4).map(lambda lines: orders(*lines))
CSVS = st.lists(ROWS, min_size=1, max_size=3).map(lambda rows: customers(*rows))
GIVEN = {
    "as_of": ["2025-10-31", "2025-11-10", None],
    "top_n": ["1", None],
    "engine": ["both", "dask", None],
    "window_days": ["5", None],
    "max_reject_ratio": ["0.1", None],
}
SET = {
    "ON_REFUSED": ["skip", "stop"],
    "FRESHNESS_HOURS": ["24", "72"],
    "MASK_PII": ["1", "0"],
    "MAX_REJECT_RATIO": ["1", "0.9"],
    "BUSINESS_TIMEZONE": ["Asia/Kolkata"],
}
WHICH = st.integers(0, 99)
TIME = re.compile(r"made on .*? by akasa")


def one_of(values):
    return st.sampled_from([(name, value) for name, some in values.items() for value in some])


class Workspace(RuleBasedStateMachine):
    """What people and machines do to a workspace between two runs."""

    def __init__(self):
        super().__init__()
        self.folder, self.patches = Path(tempfile.mkdtemp()), ExitStack()
        self.notebooks = shutil.copytree(NOTEBOOKS, self.folder / "notebooks")
        self.given, self.ran, self.now = {}, [], clock.now()
        defaults = {name.upper(): "" for name in Settings.model_fields}
        self.here = self.folder / "here"
        wanted = {**defaults, "MAX_REJECT_RATIO": "1", "KEEP_RUNS": "0", "AKASA_ENV_FILE": os.devnull}
        for patch in (
            mock.patch.dict(os.environ, wanted),
            mock.patch.object(clock, "now", self.time),
            mock.patch.object(ingredients, "NOTEBOOKS", self.notebooks),
            mock.patch.object(parameters, "NOTEBOOKS", self.notebooks),
            inprocess.steps(self.notebooks, self.ran),
        ):
            self.patches.enter_context(patch)

    def teardown(self):
        self.patches.close()
        shutil.rmtree(self.folder)

    def time(self):
        return self.now

    @property
    def cfg(self):
        return configured(self.here)

    @initialize(xml=XMLS, csv=CSVS)
    def begin(self, xml, csv):
        deliver(self.cfg, ("orders.xml", xml), ("customers.csv", csv))
        self.run(due.AS_DUE)

    # Deliveries.

    @property
    def files(self):
        data = self.cfg.data_dir
        return sorted([*data.glob("*.csv"), *data.glob("*.xml"), *data.glob("incoming/*")])

    @rule(name=st.sampled_from(NAMES), xml=XMLS)
    def orders_come(self, name, xml):
        deliver(self.cfg, (name, xml))

    @rule(name=st.sampled_from(PEOPLE), csv=CSVS)
    def customers_come(self, name, csv):
        deliver(self.cfg, (name, csv))

    @rule(name=st.sampled_from([*NAMES[1:], "incoming/notes.txt"]))
    def something_else_comes(self, name):
        deliver(self.cfg, (name, b"<orders><order>"))

    @precondition(lambda self: self.files)
    @rule(which=WHICH, name=st.sampled_from(NAMES[1:]))
    def a_delivery_is_renamed_or_gone(self, which, name):
        file = self.files[which % len(self.files)]
        if file.suffix == ".xml":
            deliver(self.cfg, (name, file.read_bytes()))
        if file.parent.name == "incoming" and file.name != Path(name).name:
            file.unlink()

    @precondition(lambda self: self.files)
    @rule(which=WHICH)
    def an_amount_changes_and_neither_size_nor_time(self, which):
        file = self.files[which % len(self.files)]
        before = file.stat()
        swap = {b"10.00": b"20.00", b"20.00": b"10.00"}
        file.write_bytes(re.sub(rb"[12]0\.00", lambda found: swap[found[0]], file.read_bytes()))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    # What is asked for.

    @rule(pair=one_of(GIVEN))
    def a_parameter_is_given(self, pair):
        name, value = pair
        self.given = {**self.given, name: value}

    @rule(pair=one_of(SET))
    def a_setting_is_changed(self, pair):
        os.environ.update([pair])

    @rule(step=st.sampled_from(STEPS), kind=st.sampled_from(["code", "markdown"]))
    def a_notebook_is_edited(self, step, kind):
        file = self.notebooks / f"{step}.ipynb"
        said = json.loads(file.read_text("utf-8"))
        last = [cell for cell in said["cells"] if cell["cell_type"] == kind][-1]
        last["source"] = [*last["source"], "\n# edited"]
        file.write_text(json.dumps(said, ensure_ascii=False), "utf-8")

    @rule(hours=st.sampled_from([1, 25, 100]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    # What others do to what lies there.

    @rule()
    def somebody_edits_a_row(self):
        if self.cfg.sqlite.exists():
            with closing(sqlite3.connect(self.cfg.sqlite)) as opened, opened:
                opened.execute("update deliveries set repeats = repeats + 1")

    @rule(which=WHICH, cut=st.booleans(), where=st.sampled_from(["outputs", "outputs", "data/exact"]))
    def an_output_is_lost_or_changed(self, which, cut, where):
        self.lose(self.here / where, which, cut)

    @rule(which=WHICH, cut=st.booleans(), where=st.sampled_from(["staging", "rejects", "warehouse"]))
    def something_derived_is_lost_or_cut(self, which, cut, where):
        self.lose(self.cfg.data_dir / where, which, cut and where != "rejects")

    def lose(self, folder, which, cut):
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] != ".")
        files = [path for path in found if path.name != "manifest.json"]
        if files:
            file = files[which % len(files)]
            content = file.read_bytes()
            file.unlink()
            if cut:
                file.write_bytes(content[: len(content) // 2])

    @rule(which=WHICH)
    def a_delivery_is_taken_back(self, which):
        names = [file.relative_to(self.cfg.data_dir).as_posix() for file in self.files]
        try:
            with lock.run(self.cfg):
                withdraw.commit(
                    self.cfg, withdraw.derive(self.cfg, (names or ["none"])[which % len(names or [0])])
                )
        except (LookupError, RuntimeError, FileNotFoundError, sqlite3.Error, OSError):
            pass  # not published, or taken back before

    # Runs.

    @rule()
    def run_it(self):
        self.run(due.AS_DUE)

    @rule()
    def run_it_twice(self):
        if self.run(due.AS_DUE) is None:
            self.ran.clear()
            assert self.run(due.AS_DUE, compare=False) is None
            assert self.ran == []

    @rule(step=st.sampled_from(STEPS))
    def run_from(self, step):
        self.run(due.chosen(start=step))

    def run(self, chosen, compare=True):
        """Run here, and all of it in a copy; return the step that failed, if one did."""
        there = self.folder / "there"
        shutil.rmtree(there, ignore_errors=True)
        if compare and self.here.exists():
            shutil.copytree(self.here, there, symlinks=True)
        before = outputs(self.here)
        self.ran.clear()
        failed, ran = self.report(self.here, chosen), [*self.ran]
        if failed:
            assert outputs(self.here) == before
        if compare:
            assert self.report(there, due.chosen(force=True)) == failed
            same = self.comparable(there, ran), self.comparable(self.here, ran)
            assert same[0] == same[1]
            assert published(there) == published(self.here)
        return failed

    def report(self, folder, chosen):
        given = {name: value for name, value in self.given.items() if value is not None}
        try:
            pipeline.report(configured(folder), given, lambda told: None, chosen)
        except StepFailed as failure:
            return failure.step
        return None

    def comparable(self, folder, ran):
        """Return outputs, without the account of a publish that only one of the two made."""
        of_02 = () if "02_validate" in ran else ("notebooks/02_validate.ipynb", "notebooks/02_validate.html")
        return {
            name: TIME.sub("", content.decode("utf-8"))
            for name, content in outputs(folder).items()
            if name not in (*of_02, "run.json")
        }


def configured(folder):
    os.environ.update(DATA_DIR=str(folder / "data"), OUTPUT_DIR=str(folder / "outputs"))
    return load()


def outputs(folder):
    files = (path for path in (folder / "outputs").rglob("*") if path.is_file() and path.name[0] != ".")
    return {path.relative_to(folder / "outputs").as_posix(): path.read_bytes() for path in files}


def published(folder):
    """Return all rows of the database, but times, and what was rejected."""
    with closing(sqlite3.connect(folder / "data/akasa.db")) as opened:
        tables = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        rows = {name: opened.execute(f"select * from {name}") for name in tables}
        plain = {
            name: sorted(
                str([v for v, column in zip(row, found.description, strict=True) if not is_time(column[0])])
                for row in found
            )
            for name, found in rows.items()
        }
    rejects = {path.name: path.read_bytes() for path in (folder / "data/rejects").glob("*.csv")}
    return plain, rejects


def is_time(column):
    return column in ("published_at", "backfilled_at")


@pytest.mark.parametrize(
    ("examples", "steps"), [(1, 10), pytest.param(5, 25, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_a_run_that_skips_leaves_what_one_leaves_that_never_does(examples, steps):
    run_state_machine_as_test(
        Workspace,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink one would take many minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
