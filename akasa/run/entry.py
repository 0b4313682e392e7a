"""How commands and schedulers enter a workspace: with its settings, and with events on their way."""

import os
from pathlib import Path

from akasa.workspace import events, secrets, settings
from akasa.workspace.settings import Settings, SettingsError


def enter() -> Settings:
    """Return the settings in force. Raises SettingsError, also where there is no workspace."""
    try:
        found = settings.load()
    except SettingsError as error:
        raise SettingsError(secrets.hide(str(error))) from None
    if not (settings.ROOT / "notebooks").is_dir():
        raise SettingsError(f"{settings.ROOT} is no workspace: `akasa init DIR` makes one; go there")
    events.begin(found)
    _have_home()
    return found


def _have_home() -> None:
    """Name a home folder where the system knows none: Jupyter asks for one, and writes nothing to it."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"
