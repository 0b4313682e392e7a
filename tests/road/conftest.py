"""A whole run that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lib import command, promoting

STALE = "customer_id\nC1\n"
STILL_TRUE = (
    "year,month,order_count,total_revenue\n2025,8,6,57920.00\n2025,9,6,43439.50\n"
    "2025,10,10,180670.00\n2025,11,6,60530.00\n"
)


@pytest.fixture(scope="session")
def reported(once: Callable[..., Any]) -> Path:
    """The data folder of a workspace in which the bundled sample was reported: to be read, or copied.

    Before the run, two files of Dask, which it leaves out, lay in `outputs` from a run called `earlier`:
    repeat_customers was no longer true of the sample, monthly_trends was. And a user keeps files of his own.
    """

    def make(folder: Path) -> Path:
        data: Path = command.sample(folder)
        left = {"dask_repeat_customers.csv": STALE, "dask_monthly_trends.csv": STILL_TRUE}
        promoting.promote(folder / "outputs", left, "earlier")
        promoting.write(folder, dict.fromkeys(promoting.KEPT, "mine"))
        result = command.report(data)
        assert result.returncode == 0, result.stdout + result.stderr
        return data

    made: Path = once("reported", make)
    return made
