"""The settings in force: each with its value, secrets masked, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from akasa.workspace import secrets, settings
from akasa.workspace.settings import Settings

_DERIVED = {
    "customers_csv_path": "customers_csv",
    "orders_xml_path": "orders_xml",
    "incoming_dir": "incoming",
}
_HEADER = ("setting", "value", "from")


@dataclass(frozen=True)
class Effective:
    """A setting in force: its value as JSON has it; its origin, which may be `derived from` another one."""

    setting: str
    value: str | int | float | bool | None
    origin: str


def look(found: Settings) -> Sequence[Effective]:
    """Return every setting, in the order of docs/settings.md."""
    return [_effective(found, name, origin) for name, origin in settings.origins().items()]


def for_programs(found: Sequence[Effective]) -> dict[str, dict[str, Any]]:
    """Return value and origin by setting."""
    return {one.setting: {"value": one.value, "from": one.origin} for one in found}


def words(found: Sequence[Effective]) -> str:
    """Return a line a setting for the console, and which file `.env` is."""
    rows = [_HEADER, *((one.setting, _shown(one.value), one.origin) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    table = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows]
    return "\n".join([*table, "", *_file()])


def _effective(found: Settings, name: str, origin: str) -> Effective:
    value = getattr(found, name)
    if value is None and name in _DERIVED:
        return Effective(name.upper(), str(getattr(found, _DERIVED[name])), "derived from DATA_DIR")
    return Effective(name.upper(), _plain(value), origin)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return secrets.HIDDEN
    return value if isinstance(value, str | int | float | None) else str(value)


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:d}" if isinstance(value, bool) else str(value)


def _file() -> list[str]:
    """Return which file `.env` is, and what is written there that is no setting."""
    file = settings.env_file()
    if not Path(file).is_file():
        return [f".env is {file}, which is not there"]
    ignored = [name for name in settings.not_settings() if not name.startswith("AWS_")]
    return [f".env is {file}", *([f"no settings, so ignored there: {', '.join(ignored)}"] if ignored else [])]
