"""A private MySQL server for tests, where there is one: unpacked into a folder by `.ci/mysql`, or on PATH."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from lib import servers

VARIABLE = "AKASA_MYSQL_ROOT"
_HOW = f"`.ci/mysql FOLDER` unpacks Debian's MySQL (no root needed), then set {VARIABLE}=FOLDER"


def required() -> None:
    """Skip where there is no MySQL 8 or newer, and say how to get one."""
    try:
        program()
    except LookupError as error:
        pytest.skip(f"{error}: {_HOW}")


@cache
def program() -> tuple[str, ...]:
    """Return how MySQL is started; raise LookupError where there is none."""
    root = os.environ.get(VARIABLE)
    found = _unpacked(Path(root).resolve()) if root else _on_path()
    version = subprocess.run([*found, "--version"], capture_output=True, text=True, check=False)
    if version.returncode:
        raise LookupError(f"{found[-1]} does not start ({version.stderr.strip()})")
    if "MariaDB" in version.stdout:
        raise LookupError(f"{found[-1]} is MariaDB's")
    return found


def clients(folder: Path) -> None:
    """Put MySQL's programs for dumps into a folder for PATH; skip where only the server is unpacked."""
    root = os.environ.get(VARIABLE)
    unpacked = Path(root).resolve() / "usr/bin" if root else None
    if unpacked is None or not (unpacked / "mysqldump").exists():
        message = f"MySQL's own mysqldump is not there: {_HOW}"
        if root and os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder.mkdir()
    for name in ("mysqldump", "mysql"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {" ".join(program()[:-1])} {unpacked / name} "$@"\n')
        script.chmod(0o755)


def _unpacked(root: Path) -> tuple[str, ...]:
    """Start the program of a folder with that folder's own C library, so that no chroot is needed."""
    server, loaders = root / "usr/sbin/mysqld", sorted(root.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*"))
    if not server.exists() or not loaders:
        raise LookupError(f"{VARIABLE}={root} has no unpacked mysqld")
    libraries = ["--library-path", str(loaders[0].parent)]
    return (str(loaders[0]), *libraries, str(server))


def _on_path() -> tuple[str, ...]:
    server = shutil.which("mysqld")
    if server is None:
        raise LookupError("mysqld of MySQL not found")
    return (server,)


class Server(servers.Server):
    """One mysqld process, with a binary log and what the strictest hosts of databases ask for."""

    def install(self) -> None:
        options = ["--no-defaults", "--initialize-insecure", f"--datadir={self.data}"]
        subprocess.run([*program(), *options, *self.account], check=True, capture_output=True)

    def command(self) -> Sequence[str]:
        plain = ["--no-defaults", "--mysqlx=OFF", "--sync-binlog=0", "--secure-file-priv=NULL"]
        strict = ["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--sql-require-primary-key=ON"]
        # performance_schema takes 400 MB for as many connections and tables as there may be
        few = ["--max-connections=500", "--table-open-cache=400", "--table-definition-cache=400"]
        return [*program(), *plain, *strict, *few]
