"""Tasks that akasa on a cluster's workers does: by the same code and libraries as here, or not at all.

A room's work there is a module of its own: its `run` is given what the task holds, and does a step.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from akasa.workspace import cluster
from akasa.workspace.cluster import ClusterUnavailable

_CODE = ("ingest", "ingest/readers", "publish", "stores", "validate", "workspace")


def task(module: str, step: str, made_by: Mapping[str, str], *arguments: Any) -> Any:
    """Return a task that has a module of akasa do a step of its work on a worker.

    Arguments are of no class of akasa's, for the scheduler need not know it.
    """
    return cluster.task(_work, module, step, dict(made_by), *arguments)


def computed(tasks: Sequence[Any], address: str, why: str) -> list[Any]:
    """Return the tasks' results. Raises ClusterUnavailable, which also says `why` they were to be computed.

    So it does where a worker has another akasa, or does not find a file.
    """
    try:
        return cluster.compute(tasks, address)
    except ClusterUnavailable as error:
        raise ClusterUnavailable(f"{error} ({why})") from None
    except ImportError as error:
        raise ClusterUnavailable(
            f"a worker of {address} (DASK_SCHEDULER_ADDRESS) {error}: install there what is here and start "
            f"it anew, or unset the setting to compute in this process ({why})"
        ) from None
    except FileNotFoundError as error:
        raise not_shared(error, address, why) from None


def not_shared(lacking: object, address: str, why: str) -> ClusterUnavailable:
    """Return the error for a file that is there for a worker, or for us, and not for the other."""
    return ClusterUnavailable(
        f"a worker of {address} (DASK_SCHEDULER_ADDRESS) does not find what it is to read ({lacking}): let "
        "all workers share DATA_DIR, and the folders of deliveries, under the same path, or unset the "
        f"setting to compute in this process ({why})"
    )


def require_alike(made_by: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raise ImportError where other code, or other libraries, would do the work here."""
    unlike = [
        f"{what} {here[what]} and not {wanted}" for what, wanted in made_by.items() if here[what] != wanted
    ]
    if unlike:
        raise ImportError(f"has {', '.join(unlike)}")


@cache
def versions() -> dict[str, str]:
    """Return what decides about a record: akasa's code for reading, judging and publishing, the libraries."""
    akasa, code = Path(__file__).parent.parent, hashlib.sha256()
    for folder in _CODE:
        for file in sorted((akasa / folder).glob("*.py")):
            code.update(file.read_bytes())
    return {
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
        "akasa's code of SHA-256": code.hexdigest()[:12],
    }


def _work(module: str, *arguments: Any) -> Any:
    """Do a step on a worker; this function travels there as code, and says so where akasa is not there."""
    try:
        there = import_module(module)
    except ImportError as error:
        raise ImportError(f"has no akasa ({error})") from None
    return there.run(*arguments)
