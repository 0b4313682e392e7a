"""The kernel of a run: this very interpreter, in an environment that no file of the user's changes.

It is spoken to over sockets in a folder that only this user may open; on Windows, which has none, over TCP.
"""

import os
import re
import shutil
import site
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config

from akasa.workspace import files
from akasa.workspace.settings import CODE, ROOT, WORKSPACE

LONGEST_SOCKET = 103  # bytes: with its final zero, macOS ends a socket's path at 104, Linux at 108
_SOCKET = "k"  # Jupyter puts `-1` to `-5` behind it
_FOLDER = re.compile(r"akasa-run-[a-z0-9_]{8}")
# What one part of many rows took is given back before the next one comes. Arrow's own pool would keep it for
# later, and glibc learns to: unless told otherwise, up to 32 MB of each thing that was ever let go, and in a
# place of its own for each thread, where no other one finds it.
_LARGE = str(4 << 20)
MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": _LARGE,
    "MALLOC_TRIM_THRESHOLD_": _LARGE,
    "MALLOC_ARENA_MAX": "2",
}
_OURS = [  # no notes of the kernel's own in the notebook, no start-up file of the user's
    "--IPKernelApp.log_level=CRITICAL",
    "--IPKernelApp.exec_PYTHONSTARTUP=False",
]


class Client(AsyncKernelClient):
    """Knows by the kernel's own word when all is heard that it said before, and need not wait for silence."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers. Raises RuntimeError where it dies, or takes longer."""
        began = time.monotonic()
        while timeout is None or time.monotonic() < began + timeout:
            asked = self.kernel_info()
            if await _heard(self.get_shell_msg, asked, 1.0) and await _heard(self.get_iopub_msg, asked, 0.1):
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")


async def _heard(get: Callable[..., Awaitable[Any]], asked: str, seconds: float) -> bool:
    """Read to the last that the kernel says to what it was asked; False where nothing comes for seconds."""
    try:
        while True:
            said = await get(timeout=seconds)
            about, state = said["parent_header"].get("msg_id"), said["content"].get("execution_state", "idle")
            if (about, state) == (asked, "idle"):
                return True
    except Empty:
        return False


class Kernel(AsyncKernelManager):
    """Starts kernels of this interpreter, whatever kernelspecs and provisioners are installed or named."""

    client_factory = Client

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *_OURS],
            display_name="Python 3 (ipykernel)",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
        )


@contextmanager
def private_folder(note: Path | None = None) -> Iterator[Path]:
    """Give a folder for the kernels of one run, which goes with it; and remove that of a run that was killed.

    The file `note` tells the next run where it is.
    """
    with files.private():
        if note:
            _remove_noted(note)
        folder = Path(tempfile.mkdtemp(prefix="akasa-run-", dir=_place()))
        if note:
            note.write_text(str(folder), "utf-8")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if note:
            note.unlink(missing_ok=True)


def channels(folder: Path, system: str = sys.platform) -> Config:
    """Let a kernel be spoken to through a folder: by sockets, where there are any and their paths fit."""
    ours = {"connection_file": str(folder / "kernel.json")}
    if system == "win32" or not _fits(folder):
        return Config({"KernelManager": {**ours, "transport": "tcp"}})
    return Config({"KernelManager": {**ours, "transport": "ipc", "ip": str(folder / _SOCKET)}})


def environment(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return a kernel's environment: the given one, with our modules, without the user's start-up files.

    `folder` is the kernel's own. The umask, the clock and the rest are the run's.
    """
    own = "" if str(CODE) in site.getsitepackages() else str(CODE)  # else all of them would come first
    modules = os.pathsep.join(filter(None, [own, given.get("PYTHONPATH")]))
    ours = {"PYTHONPATH": modules, "IPYTHONDIR": str(folder / "ipython")}
    apart = {} if ROOT == CODE else {WORKSPACE: str(ROOT)}
    return {
        **MEMORY,
        **given,
        **ours,
        **apart,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }  # a warning that no one can act on


def _place() -> Path | None:
    """Return where a socket's path is short enough, or None for the system's own place."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    writable = (
        place for place in places if os.access(place, os.W_OK) and _fits(place / "akasa-run-12345678" / "01")
    )
    return next(writable, None)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / f"{_SOCKET}-5")) <= LONGEST_SOCKET


def _remove_noted(note: Path) -> None:
    try:
        folder = Path(note.read_text("utf-8"))
    except (FileNotFoundError, UnicodeDecodeError):
        return
    if _FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
