"""A private database server for tests: its own data folder, a free loopback port, gone when the tests are."""

import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pymysql
from lib.ports import free_port
from pymysql.constants import CLIENT

PASSWORD = "c4n@ry:/pw#1"
USER = "akasa"
_SECONDS_TO_START = 60


class Server(ABC):
    """One process of MariaDB or MySQL. `create(database)` gives the environment that points akasa at one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.data, self.socket = folder / "data", folder / "mysqld.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.account = ["--user=root"] if os.geteuid() == 0 else []
        self.install()

    @abstractmethod
    def install(self) -> None:
        """Fill the data folder with a server's own tables; its root has no password."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the program and the options that only this kind of server has."""

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Self]:
        """Start a server whose files lie in `folder`; stop it at the end, whatever happens."""
        folder.mkdir(exist_ok=True)
        started = cls(folder)
        try:
            started.start()
            yield started
        finally:
            started.stop()

    def start(self) -> None:
        """Start the server on its port and wait until it answers."""
        log = self.folder / "server.log"
        self.process = subprocess.Popen(
            [
                *[*self.command(), f"--datadir={self.data}", *self.account],
                *[f"--socket={self.socket}", "--bind-address=127.0.0.1", f"--port={self.port}"],
                *[f"--pid-file={self.folder / 'pid'}", f"--log-error={log}"],
                "--local-infile=1",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers():
                return
            time.sleep(0.1)
        raise RuntimeError(log.read_text("utf-8")[-2000:] if log.exists() else f"{self.command()} fails")

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
        self.run(
            f"create database {database} character set {charset};"
            f"create user if not exists {USER}@'127.0.0.1' identified by '{PASSWORD}';"
            f"grant all on {database}.* to {USER}@'127.0.0.1'"
        )
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port),
            "DB_USER": USER,
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": database,
        }

    def copy(self, database: str, new: str) -> dict[str, str]:
        """Create a database with the tables and rows of another; return akasa's environment for it."""
        environment = self.create(new)
        found = f"from information_schema.tables where table_schema = '{database}'"
        for name in self.run(f"select coalesce(group_concat(table_name), '') {found}").split(","):
            if name:
                whence, where = f"{database}.{name}", f"{new}.{name}"
                self.run(f"create table {where} like {whence}; insert {where} select * from {whence}; commit")
        return environment

    def run(self, sql: str) -> str:
        """Run SQL as the server's root; return the first value of the first statement's answer, as text."""
        flags = CLIENT.MULTI_STATEMENTS
        with (
            pymysql.connect(unix_socket=str(self.socket), user="root", client_flag=flags) as root,
            root.cursor() as cursor,
        ):
            cursor.execute(sql)
            first = cursor.fetchone()
            while cursor.nextset():
                pass
        return str(first[0]) if first else ""

    def _answers(self) -> bool:
        # Not by PyMySQL, which leaves the sockets of failed connections to the garbage collector.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0
