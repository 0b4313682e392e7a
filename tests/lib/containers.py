"""The project's image, built and run for real in storage of the test's own, without a daemon.

buildah builds it by chroot, podman runs it by runc, both as root: what works in a sandbox, too. The base is
Debian with its Python by mmdebstrap, so that no registry of images is asked; AKASA_BASE_IMAGE names one to
be pulled instead. Base and layers are kept in the cache folder, so that a next build makes anew only what
has changed.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from lib.mysql import VARIABLE as MYSQL

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/akasa"
BASE = "localhost/akasa-base"
STAGE = "build"  # of the Dockerfile: what stays there is kept by a name of its own
NEEDED = ("buildah", "podman", "runc", "mmdebstrap", "iptables")
PACKAGES = "buildah podman runc mmdebstrap netavark aardvark-dns catatonit uidmap iptables"
_LACKING = "AKASA_NO_CONTAINERS"  # .ci/run sets it where the packages cannot be installed
_CONF = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
# What the official image adds to Debian, too.
_INCLUDED = "python3,python3-venv,ca-certificates,netbase,tzdata"
# The machine's own way to its package index; mounted while pip runs, and in no layer.
_PIP = ("/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf", "/etc/ssl/certs")


def required() -> None:
    """Skip where no image can be built, and say what to install; fail in CI, where it could be installed."""
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0:
        pytest.skip("containers are tested as root: sudo make test-containers")
    if lacking:
        message = f"{', '.join(lacking)} not found: apt-get install --no-install-recommends {PACKAGES}"
        if os.environ.get("CI") == "true" and not os.environ.get(_LACKING):
            pytest.fail(message)
        pytest.skip(message)


def compose(**given: str) -> dict[str, Any]:
    """Return compose.yaml's services, with what is given for what it takes from `.env`."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: given[found[1]], (ROOT / "compose.yaml").read_text())
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def kept() -> Path:
    """Return the folder in which base, layers and pip's downloads are kept from one session to the next."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "akasa-containers"


class Engine:
    """podman and buildah with storage, networks and settings in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = [f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"]
        (folder / "containers.conf").write_text(_CONF.format(folder=folder))
        own = {"CONTAINERS_CONF": str(folder / "containers.conf"), "TMPDIR": str(folder / "cache")}
        self.environment = {**os.environ, **own}

    @classmethod
    @contextmanager
    def in_folder(cls, folder: Path) -> Iterator["Engine"]:
        """Give an engine without containers to one session at a time; its images stay there afterwards."""
        (folder / "cache").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock", timeout=900):
            engine = cls(folder)
            engine.clear()  # a session that was killed leaves what it ran
            try:
                yield engine
            finally:
                engine.clear()

    def clear(self) -> None:
        """Remove all but images and what they were made from."""
        for command in (["rm", "--all", "--force", "--time=0"], ["network", "prune", "--force"]):
            self.podman(*command, check=False)
        for mount in _mounts_below(self.folder):
            subprocess.run(["umount", "--lazy", mount], check=False)
        for name in ("run", "tmp"):  # else the state of containers outlives the machine's next start
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def podman(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman; with `check`, raise AssertionError with all that it said where it fails."""
        return self._run("podman", f"--tmpdir={self.folder / 'tmp'}", *self.storage, *arguments, check=check)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start podman, to be waited for by the caller."""
        return subprocess.Popen(
            ["podman", f"--tmpdir={self.folder / 'tmp'}", *self.storage, *map(str, arguments)],
            **{**self._piped(), "stderr": subprocess.STDOUT},
        )

    def base(self) -> str:
        """Return the name of the base image, once it is in the storage."""
        named = os.environ.get("AKASA_BASE_IMAGE")
        if named:
            self.podman("pull", "--quiet", named)
            return named
        suite = _suite()
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_INCLUDED}", suite]
        base = f"{BASE}:{_digest(*command, *(Path(one).read_text() for one in _sources(suite)))}"
        if self.podman("image", "exists", base, check=False).returncode:
            tar = self.folder / "cache/base.tar"
            self._run(*command, tar, *_sources(suite))
            self.podman("import", "--change", 'CMD ["python3"]', tar, base)
            tar.unlink()
        return base

    def build(self) -> None:
        """Build the project's image as its Dockerfile says, and forget what no image has of earlier ones."""
        base = self.base()
        mounts = [f"--volume={path}:{path}:ro" for path in _PIP if Path(path).exists()]
        how = ["--layers", "--format=docker", "--isolation=chroot", "--network=host"]
        build = ["buildah", *self.storage, "build", *how, *mounts, f"--build-arg=BASE_IMAGE={base}"]
        self._run(*build, f"--tag={IMAGE}", ROOT)
        self._run(*build, f"--target={STAGE}", f"--tag={IMAGE}-{STAGE}", ROOT)
        named = self.podman("images", "--format={{.Repository}}:{{.Tag}}").stdout.split()
        for old in [name for name in named if name.startswith(f"{BASE}:") and name != base]:
            self.podman("untag", old)
        self.podman("image", "prune", "--force")

    def health_check(self) -> list[str]:
        """Return the command by which the image is asked for its health."""
        told = json.loads(self._run("buildah", *self.storage, "inspect", "--type=image", IMAGE).stdout)
        kind, *command = told["Docker"]["config"]["Healthcheck"]["Test"]
        assert kind == "CMD"
        return command

    def wait_for(self, name: str, said: str, seconds: int = 60) -> None:
        """Wait until a container has said something; raise AssertionError with all it said otherwise."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            logs = self.podman("logs", name, check=False)
            if said in logs.stdout + logs.stderr:
                return
            time.sleep(0.3)
        raise AssertionError(logs.stdout + logs.stderr)

    def _run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*map(str, command)], **self._piped(), check=False)
        assert not check or done.returncode == 0, (
            f"{command[0]}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done

    def _piped(self) -> dict[str, Any]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return {**pipes, "env": self.environment, "text": True}


def mysql_root() -> Path:
    """Return the folder of an unpacked MySQL, which is run as a container's file system; skip without one."""
    named = os.environ.get(MYSQL)
    if not named:
        pytest.skip(f"set {MYSQL} to a folder that `.ci/mysql FOLDER` has filled")
    return Path(named).resolve()


def mysqld(root: Path) -> list[str]:
    """Return how its server is started in there, where no link leads to its loader."""
    (loader,) = root.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*")
    inside = Path("/") / loader.relative_to(root)
    return [str(inside), "--library-path", str(inside.parent), "/usr/sbin/mysqld", "--no-defaults"]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _suite() -> str:
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().split("\n") if "=" in line
    )
    return release["VERSION_CODENAME"].strip('"') if release["ID"].strip('"') == "debian" else "bookworm"


def _sources(suite: str) -> list[str]:
    """Return the machine's own lists of that suite; none, and mmdebstrap asks Debian's own server."""
    folder = Path("/etc/apt/sources.list.d")
    lists = [Path("/etc/apt/sources.list"), *folder.glob("*.list"), *folder.glob("*.sources")]
    of_suite = re.compile(rf"^(Suites:.*|deb .*) {suite}( |$)", re.MULTILINE)
    return [str(one) for one in lists if one.exists() and of_suite.search(one.read_text())]


def _mounts_below(folder: Path) -> list[str]:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True)
