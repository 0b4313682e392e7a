"""A private MariaDB server for tests: its own data folder, a free loopback port, gone when the tests are."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lib.ports import free_port

PASSWORD = "c4n@ry:/pw#1"
USER = "akasa"
_NEEDED = ("mariadbd", "mariadb-install-db", "mariadb")
_SECONDS_TO_START = 60


def required() -> None:
    """Skip where the server is not installed, and say what to install; in CI that is a failure."""
    lacking = [name for name in _NEEDED if shutil.which(name) is None]
    if lacking:
        message = f"{', '.join(lacking)} not found: apt-get install mariadb-server"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@contextmanager
def server(folder: Path) -> Iterator["Server"]:
    """Start a server whose files lie in `folder`; stop it at the end, whatever happens."""
    started = Server(folder)
    try:
        started.start()
        yield started
    finally:
        started.stop()


class Server:
    """One mariadbd process. `settings(database)` gives the environment that points akasa at a database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.data, self.socket = folder / "mysql", folder / "mysqld.sock"
        self.process: subprocess.Popen[bytes] | None = None
        account = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [
                *["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", *account],
                *["--auth-root-authentication-method=normal", "--skip-test-db"],
            ],
            check=True,
            capture_output=True,
            # Two at once, of two workers, would take each other's temporary tables in /tmp.
            env={**os.environ, "TMPDIR": str(folder)},
        )
        self._account = account

    def start(self) -> None:
        """Start the server on its port and wait until it answers."""
        self.process = subprocess.Popen(
            [
                *["mariadbd", "--no-defaults", f"--datadir={self.data}", *self._account],
                *[f"--socket={self.socket}", "--bind-address=127.0.0.1", f"--port={self.port}"],
                *[f"--pid-file={self.folder / 'pid'}", f"--log-error={self.folder / 'server.log'}"],
                *[
                    "--local-infile=1",
                    "--innodb-buffer-pool-size=512M",
                    "--skip-log-bin",
                    "--max-connections=2000",
                ],
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            if self._client("select 1", check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text("utf-8")[-2000:])

    def stop(self) -> None:
        """Stop the server's own process, and wait until it has ended."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def create(self, database: str, charset: str = "utf8mb4 collate utf8mb4_unicode_ci") -> dict[str, str]:
        """Create a database and the user that may use it; return akasa's environment for it."""
        self._client(
            f"create database {database} character set {charset};"
            f"create user if not exists {USER}@'127.0.0.1' identified by '{PASSWORD}';"
            f"grant all on {database}.* to {USER}@'127.0.0.1';"
        )
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port),
            "DB_USER": USER,
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": database,
        }

    def run(self, sql: str, database: str = "") -> str:
        """Run SQL as the server's root and return what the client prints."""
        return self._client(sql, database).stdout

    def _client(self, sql: str, database: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "-N", "-B"]
        return subprocess.run(
            [*command, *([database] if database else []), "-e", sql],
            capture_output=True,
            text=True,
            check=check,
        )
