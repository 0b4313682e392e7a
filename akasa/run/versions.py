"""What a run was made with: Python, packages, the database, and the commit of the checkout, if it is one."""

import os
import platform
import subprocess
from importlib import metadata
from typing import Any

from akasa import __version__
from akasa.stores import database
from akasa.workspace.settings import ROOT, Settings

PACKAGES = (  # what reads, computes, stores, judges or renders; a test holds them against pyproject.toml
    *("alembic", "cloudpickle", "dask", "deltalake", "distributed", "great-expectations", "jinja2", "lxml"),
    *("matplotlib", "nbclient", "nbconvert", "nbformat", "numpy", "pandas", "papermill", "pyarrow"),
    *("pydantic-settings", "pymysql", "sqlalchemy"),
)
CODE = ("akasa", "notebooks")
_SECONDS = 1.0  # it takes milliseconds; on a disk that does not answer, the run goes on without


def versions(settings: Settings) -> dict[str, Any]:
    """Return the versions of all that a run was made with; None for what is not there."""
    return {
        "python": platform.python_version(),
        "akasa": __version__,
        "packages": {name: package(name) for name in PACKAGES},
        "database": _database(settings),
        "git": git(),
    }


def git() -> dict[str, Any] | None:
    """Return the checkout's commit, and whether the code differs from it; None where it is no checkout.

    Of a folder above ours nothing is asked: it would be another project's.
    """
    if not (ROOT / ".git").exists():
        return None
    status = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--", *CODE]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = subprocess.run(
            status, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    commit = next((line.split()[2] for line in said if line.startswith("# branch.oid ")), "(initial)")
    dirty = any(not line.startswith("#") for line in said)
    return None if commit == "(initial)" else {"commit": commit, "dirty": dirty}


def package(name: str) -> str | None:
    """Return the version that is installed, without importing it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _database(settings: Settings) -> dict[str, str] | None:
    if not database.exists(settings):
        return None
    name, version = database.server(settings)
    return {"name": name, "version": version}
