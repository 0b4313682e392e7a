"""Kernels that start before their turn: ready when it comes, alone, and gone with the run."""

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_core.utils import run_sync

from akasa.run import kernel, nursery
from akasa.run.kernels import Kernels


@pytest.fixture
def kernels(opened):
    with opened() as found:
        yield found


def process(one):
    return one.provisioner.process


def test_a_step_s_kernel_starts_once_and_is_no_other_step_s(kernels, tmp_path):
    kernels.start("01_small", tmp_path)
    ahead = process(kernels.waiting["01_small"])
    kernels.start("01_small", tmp_path)
    assert process(kernels.take("01_small", tmp_path)) is ahead
    assert process(kernels.take("02_small", tmp_path)).pid != ahead.pid
    assert kernels.waiting == {}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_none_outlives_the_run_be_it_at_work_or_waiting(tmp_path, error):
    with (
        kernel.private_folder() as folder,
        suppress(error),
        Kernels(dict(os.environ), folder) as kernels,
    ):
        kernels.start("01_small", tmp_path)
        started = [process(kernels.waiting["01_small"]), process(kernels.take("02_small", tmp_path))]
        assert [one.poll() for one in started] == [None, None]
        raise error
    assert None not in [one.poll() for one in started]


@pytest.fixture
def forked(kernels, tmp_path):
    return two_of(kernels, tmp_path)


def two_of(kernels, place):
    if not nursery.CAN_FORK:
        pytest.skip("kernels are forked on Linux alone")
    return [process(kernels.take(step, place)) for step in ("01_small", "02_small")]


def test_what_is_forked_is_a_process_of_its_own_in_the_place_it_was_given(forked, tmp_path):
    one, other = (psutil.Process(child.pid) for child in forked)
    assert [child.poll() for child in forked] == [None, None]
    assert (one.ppid(), one.cwd()) == (other.ppid(), str(tmp_path))
    assert [os.getsid(each.pid) for each in (one, other)] == [one.pid, other.pid]
    until_it_has_started = time.monotonic() + 20  # meanwhile it opens modules
    while [f.path for f in one.open_files() if tmp_path not in Path(f.path).parents]:
        assert time.monotonic() < until_it_has_started, one.open_files()


SETTINGS = """
import matplotlib, pandas as pd
print(matplotlib.get_backend(), pd.describe_option("display"))
print(pd.DataFrame([list("0123456789")] * 2, columns=["a column with a long name"] * 10).rename_axis("row"))
"""


def printed(kernel):
    """Run SETTINGS in a kernel; return what it prints, but for what options are where nobody sets them."""
    client, found = kernel.client(), []
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    said = run_sync(client.execute_interactive)(SETTINGS, timeout=60, output_hook=found.append)
    client.stop_channels()
    assert said["content"]["status"] == "ok", found
    text = "".join(one["content"]["text"] for one in found if one["msg_type"] == "stream")
    return re.sub(r"\[default: .*?\]", "", text).replace("UTF-8", "utf-8")


def test_a_forked_kernel_shows_tables_as_any_other(kernels, forked, tmp_path):
    usual = AsyncKernelManager()
    run_sync(usual.start_kernel)(cwd=str(tmp_path))
    try:
        assert printed(kernels.take("03_small", tmp_path)) == printed(usual)
    finally:
        run_sync(usual.shutdown_kernel)(now=True)


def test_how_a_forked_process_ended_is_told_as_of_any_other(forked):
    one, other = forked
    one.kill()
    other.terminate()
    assert (one.wait(), other.wait()) == (-signal.SIGKILL, -signal.SIGTERM)
    assert (one.poll(), other.poll()) == (-signal.SIGKILL, -signal.SIGTERM)
    one.send_signal(signal.SIGINT)  # nobody else may have got its number


def test_who_was_stopped_while_asking_is_told_the_next_time(kernels, forked):
    one, other = forked
    os.kill(one.pid, signal.SIGKILL)
    until_it_is_over = time.monotonic() + 20
    while (
        psutil.Process(one.pid).status() != psutil.STATUS_ZOMBIE
        or len(os.listdir(f"/proc/{one.pid}/task")) > 1  # its other threads are still ending
    ):
        assert time.monotonic() < until_it_is_over
    kernels.nursery.line.send(json.dumps([-1, "status", one.pid]).encode())  # nobody waits for the answer
    assert (other.poll(), one.poll(), one.poll()) == (None, -signal.SIGKILL, -signal.SIGKILL)


def test_kernels_end_with_what_they_were_forked_from_and_as_it_did(tmp_path):
    with kernel.private_folder() as folder, Kernels(dict(os.environ), folder) as kernels:
        forked = two_of(kernels, tmp_path)
        kernels.nursery.process.kill()
        assert [child.wait() for child in forked] == [-signal.SIGKILL] * 2
    _, alive = psutil.wait_procs([psutil.Process(c.pid) for c in forked if psutil.pid_exists(c.pid)], 20)
    assert alive == []


def test_a_kernel_that_is_dismissed_has_ended_once_that_is_settled(kernels, tmp_path):
    one = kernels.take("01_small", tmp_path)
    started = process(one)
    client = one.client()
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    client.stop_channels()
    kernels.dismiss(one)
    kernels.settle()
    assert (started.poll(), one.has_kernel) == (0, False)


def test_a_kernel_that_is_not_at_work_hears_at_once_that_it_shall_end(kernels, tmp_path):
    one = kernels.take("01_small", tmp_path)
    client = one.client()
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    signals, send = [], process(one).send_signal
    process(one).send_signal = lambda number: (signals.append(number), send(number))
    client.stop_channels()
    kernels.dismiss(one)
    kernels.settle()
    assert signals == []  # else the end may be interrupted, and half of Jupyter's five seconds go by


SLOW_TO_SAY_SO = """
import sys, threading, time
from pathlib import Path

from ipykernel.kernelapp import IPKernelApp

app = IPKernelApp.instance()
flush, stop = type(sys.stdout).flush, app.iopub_thread.stop

def slow(stream, flush=flush, control=app.control_thread, threading=threading, time=time):
    if threading.current_thread() is control:
        time.sleep(0.5)
    flush(stream)

def told(stop=stop, control=app.control_thread, closing=Path("closing")):
    closing.write_text(f"its last words are to come: {control.is_alive()}")
    stop()

type(sys.stdout).flush, app.iopub_thread.stop = slow, told
"""


def test_a_kernel_says_its_last_words_before_it_closes_what_they_are_heard_by(kernels, tmp_path):
    one = kernels.take("01_small", tmp_path)
    client = one.client()
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    run_sync(client.execute_interactive)(SLOW_TO_SAY_SO, timeout=60)
    client.stop_channels()
    kernels.dismiss(one)
    kernels.settle()
    assert (tmp_path / "closing").read_text() == "its last words are to come: False"


def test_a_kernel_at_work_is_interrupted(kernels, tmp_path):
    one = kernels.take("01_small", tmp_path)
    client = one.client()
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    client.execute("import time; time.sleep(600)")
    client.stop_channels()
    kernels.dismiss(one, at_work=True)
    kernels.settle()
    assert not one.has_kernel


def test_a_client_waits_for_the_kernel_and_says_where_it_died(kernels, tmp_path):
    one = kernels.take("01_small", tmp_path)
    client = one.client()
    client.start_channels()
    run_sync(client.wait_for_ready)(60)
    process(one).kill()
    with pytest.raises(RuntimeError, match=r"^Kernel died before replying to kernel_info$"):
        run_sync(client.wait_for_ready)(60)
    client.stop_channels()
