"""Kernels that start before their turn: ready when it comes, alone, and gone with the run."""

import os
from contextlib import suppress

import pytest

from akasa.run import kernel
from akasa.run.kernels import Kernels


@pytest.fixture
def kernels():
    with kernel.private_folder() as folder, Kernels(dict(os.environ), folder) as found:
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
