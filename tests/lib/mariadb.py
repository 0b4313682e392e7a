"""A private MariaDB server for tests, of Debian's package."""

import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest
from lib import servers

_NEEDED = ("mariadbd", "mariadb-install-db")


def required() -> None:
    """Skip where the server is not installed, and say what to install; in CI that is a failure."""
    lacking = [name for name in _NEEDED if shutil.which(name) is None]
    if lacking:
        message = f"{', '.join(lacking)} not found: apt-get install mariadb-server"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class Server(servers.Server):
    """One mariadbd process."""

    def install(self) -> None:
        subprocess.run(
            [
                *["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", *self.account],
                *["--auth-root-authentication-method=normal", "--skip-test-db"],
            ],
            check=True,
            capture_output=True,
            # Two at once, of two workers, would take each other's temporary tables in /tmp.
            env={**os.environ, "TMPDIR": str(self.folder)},
        )

    def command(self) -> Sequence[str]:
        return [
            *["mariadbd", "--no-defaults", "--skip-log-bin", "--innodb-buffer-pool-size=512M"],
            "--max-connections=2000",  # of many databases, each with its pools
        ]
