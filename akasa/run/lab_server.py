"""What JupyterLab is made of here: its kernels, the files that it may write, and who may come in."""

import os
import secrets
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import ipykernel.kernelspec
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from tornado.web import HTTPError
from traitlets import Unicode, validate

from akasa.run import kernel
from akasa.workspace import settings
from akasa.workspace.settings import BY_HAND

_NUMBERS = count(1)


class Kernel(ServerKernelManager):
    """A run's kernel, opened by hand: this interpreter, spoken to through a folder of its own.

    `kernels` is where that folder is made.
    """

    kernels = Unicode(config=True)
    kernel_spec = kernel.Kernel.kernel_spec

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.folder = Path(self.kernels) / f"{next(_NUMBERS):02d}"
        self.folder.mkdir(mode=0o700)
        for name, value in kernel.channels(self.folder)["KernelManager"].items():
            setattr(self, name, value)

    async def start_kernel(self, *arguments: Any, **given: Any) -> None:
        environment = kernel.environment({**os.environ, **given.pop("env", {})}, self.folder)
        own = {
            "DATA_DIR": str(settings.load().data_dir),
            "OUTPUT_DIR": str(BY_HAND),
            "MPLCONFIGDIR": str(BY_HAND.parent / ".lab" / "matplotlib"),
        }
        await super().start_kernel(*arguments, **given, env={**environment, **own})

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        await super().shutdown_kernel(now, restart)
        if not restart:
            shutil.rmtree(self.folder, ignore_errors=True)


class OneKernel(KernelSpecManager):
    """Offers one kernel, this interpreter, whatever others are installed."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {"python3": ipykernel.kernelspec.RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = kernel.Kernel().kernel_spec
        spec.resource_dir = ipykernel.kernelspec.RESOURCES
        return spec


class Files(AsyncLargeFileManager):
    """Shows the whole project, and writes only what is the analyst's: `work/`, and new deliveries."""

    def is_writable(self, path: str) -> bool:
        return _is_free(Path(self.root_dir, path.strip("/"))) and bool(super().is_writable(path))

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        self._require_free(path)
        return await super().save(model, path)

    async def delete_file(self, path: str) -> None:
        self._require_free(path)
        await super().delete_file(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        self._require_free(old_path)
        self._require_free(new_path)
        await super().rename_file(old_path, new_path)

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> Any:
        self._require_free(path)
        return await super().restore_checkpoint(checkpoint_id, path)

    def _require_free(self, path: str) -> None:
        if not _is_free(Path(self.root_dir, path.strip("/"))):
            raise HTTPError(403, f"{path} is only read here; what you write goes into work/")


class Doorkeeper(PasswordIdentityProvider):
    """Lets nobody in without a token or a password, even where a file of the user's says so."""

    @validate("token")
    def _never_none(self, proposal: Any) -> str:
        if proposal.value or self.hashed_password:
            return str(proposal.value)
        self.token_generated = True
        return secrets.token_hex(24)


def _is_free(path: Path) -> bool:
    free = (BY_HAND.parent, settings.load().incoming)
    return any(path.resolve().is_relative_to(each.resolve()) for each in free)
