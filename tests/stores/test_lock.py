"""Who may publish while who runs: in processes of their own, as runs and their kernels are."""

import os
import signal
import subprocess
import sys
import time

import pytest

from akasa.stores import lock
from akasa.workspace.settings import ROOT

HOLD = """
import sys, time
from akasa.stores import lock
from akasa.workspace import settings
with getattr(lock, sys.argv[1])(settings.load()):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def other(workspace):
    """Start another process that holds the workspace for a run, or for a publish."""
    started = []

    def start(what, seconds=60, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, what, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def holds(process):
    return process.stdout.readline() == "holds\n"


def impatient(settings):
    return settings.model_copy(update={"lock_timeout": 0.2})


def test_a_publish_by_hand_waits_for_a_run_and_says_which(workspace, other):
    running = other("run")
    assert holds(running)
    with pytest.raises(lock.Busy, match=rf"process {running.pid} \(run \w+\) holds .*data; waited 0.2 s"):
        lock.publish(impatient(workspace)).__enter__()


def test_a_run_waits_for_a_publish_by_hand(workspace, other):
    assert holds(other("publish"))
    with pytest.raises(lock.Busy, match=r"process \d+ \(run \w+\) holds"):
        lock.run(impatient(workspace)).__enter__()


def test_what_a_run_starts_publishes_while_the_run_goes_on(workspace, other):
    with lock.run(workspace) as me:
        assert lock.VARIABLE not in os.environ
        assert holds(other("publish", seconds=0, **{lock.VARIABLE: me}))
        with lock.publish(workspace):
            pass


def test_two_publishes_of_one_run_take_turns(workspace, other):
    with lock.run(workspace) as me:
        assert holds(other("publish", **{lock.VARIABLE: me}))
        with pytest.raises(lock.Busy, match=r"process \d+ \(publish \w+\) holds"):
            lock.publish(impatient(workspace)).__enter__()


def orphan(workspace, other):
    """Return the environment of a kernel whose run was killed."""
    running = other("run")
    assert holds(running)
    of = (workspace.data_dir / ".run.holder").read_text("utf-8")
    running.send_signal(signal.SIGKILL)
    running.wait()
    return {lock.VARIABLE: of}


@pytest.mark.parametrize("ended", [False, True])
def test_the_kernel_of_a_killed_run_publishes_nothing_once_another_has_begun(workspace, other, ended):
    kernel = orphan(workspace, other)
    with lock.run(workspace):
        found = None if ended else other("publish", **kernel)
        assert ended or found.wait() == 1
    found = found or other("publish", **kernel)
    assert (
        "RunOver: nothing was published: the run that started this notebook has ended" in found.stderr.read()
    )


def test_a_run_begins_when_the_kernel_of_a_killed_one_has_published(workspace, other):
    publishing = other("publish", seconds=1.5, **orphan(workspace, other))
    assert holds(publishing)
    began = time.monotonic()
    with lock.run(workspace):
        assert time.monotonic() - began > 1
        assert publishing.wait(5) == 0


def test_a_run_whose_holder_was_killed_leaves_all_free(workspace, other):
    orphan(workspace, other)
    with lock.run(impatient(workspace)):
        pass


def test_two_workspaces_with_one_folder_of_outputs_take_turns(workspace, other, tmp_path):
    running = other("run", DATA_DIR=str(tmp_path / "another"))
    assert holds(running)
    with pytest.raises(lock.Busy, match=rf"process {running.pid} \(outputs \w+\) holds .*outputs; waited"):
        lock.run(impatient(workspace)).__enter__()


def test_data_and_outputs_may_lie_in_one_folder(workspace):
    with lock.run(impatient(workspace).model_copy(update={"output_dir": workspace.data_dir})):
        pass
