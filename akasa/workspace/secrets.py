"""What must stand in no file and on no screen: passwords, keys and tokens, wherever they were given."""

import html
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Mapping

from pydantic_settings import DotEnvSettingsSource

from akasa.workspace import secrets_manager
from akasa.workspace.settings import Settings, env_file

HIDDEN = "***"
_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|ACCESS_KEY|API_KEY|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE)
_NO_SECRET = re.compile(r"_(NAME|FILE|PATH|DIR)$", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)([^\s:/@'\"]*):([^\s/@'\"]+)@")
_SHORTEST = 8  # a shorter one would be found in words and numbers that have nothing to do with it


def hide(text: str, known: Iterable[str] | None = None) -> str:
    """Return a text without the known secrets (those of this process and `.env`) and passwords in URLs.

    >>> hide("cannot reach mysql://akasa:hunter2@db/akasa", [])
    'cannot reach mysql://akasa:***@db/akasa'
    """
    for secret in of_process() if known is None else known:
        text = text.replace(secret, HIDDEN)
    return _IN_URL.sub(rf"\1:{HIDDEN}@", text)


def of_process() -> list[str]:
    """Return the secrets in this process's environment, in `.env` and of AWS, the longest first.

    Each also as it is spelt in Python, JSON, HTML and URLs.
    """
    try:
        written = DotEnvSettingsSource(Settings, env_file=env_file(), case_sensitive=True).env_vars
    except (OSError, UnicodeDecodeError):
        written = {}
    of_aws = {**secrets_manager.values(), **secrets_manager.to_hand_down()}
    found = {*among(written), *among(os.environ), *among(of_aws)}
    return sorted({spelt for secret in found for spelt in _spellings(secret)}, key=len, reverse=True)


def among(values: Mapping[str, str | None]) -> list[str]:
    """Return what is secret among settings: the values of names that say so, and passwords in URLs."""
    named = [value for name, value in values.items() if _NAME.search(name) and not _NO_SECRET.search(name)]
    in_urls = [found[1] for value in values.values() for found in _IN_URL.findall(value or "")]
    return [secret for secret in (*named, *in_urls) if secret and len(secret) >= _SHORTEST]


def _spellings(secret: str) -> set[str]:
    in_json = (json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False))
    in_url = (quote(secret, safe="") for quote in (urllib.parse.quote, urllib.parse.quote_plus))
    return {secret, repr(secret)[1:-1], *in_json, *in_url, html.escape(secret)}
