"""What happens, as events of the standard library's logger `akasa`: one a step, one a delivery and stage.

They hold counts, seconds and names of files. Nobody's name, number or secret is in them: texts are masked,
whatever MASK_PII says. A run's kernels write theirs to a file, and the run relays them.
"""

import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from akasa.workspace import files, masking, secrets
from akasa.workspace.settings import Settings

VARIABLE = "AKASA_EVENTS_FILE"
_LOGGER = logging.getLogger("akasa")
_LOGGER.addHandler(logging.NullHandler())  # else Python prints warnings that nobody asked for


def begin(settings: Settings, stream: TextIO | None = None) -> None:
    """Print events from now on, as LOG_LEVEL and LOG_FORMAT say; nothing where neither asks for them."""
    for old in [one for one in _LOGGER.handlers if isinstance(one, _Printer)]:
        _LOGGER.removeHandler(old)
    if settings.logged is None:
        _LOGGER.setLevel(logging.NOTSET)
        return
    printer = _Printer(stream or sys.stderr)
    printer.setFormatter(_Json() if settings.log_format == "json" else _Text())
    _LOGGER.addHandler(printer)
    _LOGGER.setLevel(settings.logged)


def tell(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields: numbers, and texts, in which secrets and mobile numbers are masked."""
    file = os.environ.get(VARIABLE)
    if not file and not _LOGGER.isEnabledFor(level):
        return
    clean = {name: _clean(value) for name, value in fields.items()}
    if file:
        _note(Path(file), {"created": time.time(), "level": level, "event": event, **clean})
    else:
        _LOGGER.log(level, event, extra={"fields": clean})


def to_hand_down(file: Path) -> dict[str, str]:
    """Return the variable that has kernels write their events to a file; none where nobody would see them."""
    return {VARIABLE: str(file)} if _LOGGER.level else {}


class Relay:
    """Logs what kernels have written to a file, each line once, with fields of one's own before theirs."""

    def __init__(self, file: Path, **fields: Any) -> None:
        self.file, self.fields, self.read = file, fields, 0

    def __call__(self) -> None:
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.read)
                lines = [line for line in stream if line.endswith(b"\n")]
        except FileNotFoundError:
            return
        self.read += sum(map(len, lines))
        for line in lines:
            told = json.loads(line)
            created, level, event = (told.pop(name) for name in ("created", "level", "event"))
            self._log(created, level, event, {**self.fields, **told})

    def _log(self, created: float, level: int, event: str, fields: dict[str, Any]) -> None:
        if _LOGGER.isEnabledFor(level):
            record = _LOGGER.makeRecord(_LOGGER.name, level, "", 0, event, (), None, extra={"fields": fields})
            record.created, record.msecs = created, created % 1 * 1000
            _LOGGER.handle(record)


class _Printer(logging.StreamHandler[TextIO]):
    """Prints a line an event; on a terminal, in the place of the line that shows how far a step is."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return f"\r\033[K{line}" if self.stream.isatty() else line


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        pairs = (f"{name}={_word(value)}" for name, value in fields.items())
        return " ".join([_time(record), record.levelname, record.getMessage(), *pairs])


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**told, **getattr(record, "fields", {})}, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _word(value: Any) -> str:
    text = str(value)
    is_plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return value if isinstance(value, int | None) else masking.text(secrets.hide(str(value)))


def _note(file: Path, told: dict[str, Any]) -> None:
    with files.private(), file.open("ab", buffering=0) as stream:
        stream.write(json.dumps(told).encode() + b"\n")
