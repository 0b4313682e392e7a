"""Settings kept in AWS Secrets Manager: asked for once a process, for ten seconds whatever the server does.

A secret is one JSON object, from the names of settings to their values.
"""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from akasa.workspace.extras import how_to_have

VARIABLE = "AKASA_SECRET_READ"  # tells the kernels of a run what it has read, so that they need not ask
SECONDS = 10.0
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 3, 2
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LOCK = threading.Lock()
_read: dict[str, dict[str, str]] = {}  # this process's, by the secret's name

_PERMISSION = "these credentials may not read it: grant them secretsmanager:GetSecretValue on it"
_CREDENTIALS = "the AWS credentials are wrong or have expired"
_LATER = "AWS cannot answer now; try again later"
_REFUSED = {
    "ResourceNotFoundException": "there is none of this name in {region}: check AWS_REGION and the account",
    "AccessDeniedException": _PERMISSION,
    "AccessDenied": _PERMISSION,
    "DecryptionFailure": "these credentials may not decrypt it: grant them kms:Decrypt on its key",
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidSignatureException": f"{_CREDENTIALS}, or meant for another region than {{region}}",
    "SignatureDoesNotMatch": f"{_CREDENTIALS}, or meant for another region than {{region}}",
    "IncompleteSignature": _CREDENTIALS,
    "MissingAuthenticationToken": _CREDENTIALS,
    "ExpiredTokenException": "the AWS credentials have expired: get new ones",
    "ExpiredToken": "the AWS credentials have expired: get new ones",
    "InvalidRequestException": "it has no value that can be read now: it may be marked for deletion",
    "InvalidParameterException": "this is no name that a secret can have",
    "ValidationException": "this is no name that a secret can have",
    "ThrottlingException": _LATER,
    "InternalServiceError": _LATER,
    "InternalServiceErrorException": _LATER,
    "ServiceUnavailable": _LATER,
}
_NO_CREDENTIALS = (
    "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role"
)
_NO_REGION = "no region is named: set AWS_REGION"
_UNREACHABLE = "AWS cannot be reached for {region}: check AWS_REGION, AWS_ENDPOINT_URL and the network"
_SILENT = "AWS did not answer in time: check AWS_REGION, AWS_ENDPOINT_URL and the network"
AWAY = (_LATER, _SILENT, _UNREACHABLE)  # what is said of a server that may come back by itself
_FAILED = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": "the AWS key is not whole: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "CredentialRetrievalError": "no AWS credentials could be got: check AWS_PROFILE, or the role",
    "ProfileNotFound": "there is no such AWS profile: check AWS_PROFILE",
    "NoRegionError": _NO_REGION,
    "InvalidRegionError": "{region} is no region: check AWS_REGION",
    "ReadTimeoutError": _SILENT,
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectTimeoutError": _UNREACHABLE,
    "ConnectionClosedError": _UNREACHABLE,
    "ProxyConnectionError": "AWS cannot be reached through the proxy: check HTTPS_PROXY and NO_PROXY",
    "SSLError": "AWS's certificate is not trusted here: check AWS_CA_BUNDLE",
    "ResponseParserError": "what answered is not AWS Secrets Manager: check AWS_ENDPOINT_URL",
}
_BINARY = "it is binary; akasa reads text, a JSON object of settings"


class SecretUnavailable(RuntimeError):
    """The secret cannot be used; the message says why and what to check, and holds none of its values."""


def read(name: str, given: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return what the secret gives to the `known` settings, as text by lower-case name.

    `given` are the variables for AWS: keys, region, profile, endpoint. Raises SecretUnavailable, also for a
    key that is no setting. What was read before, or by the run that started this kernel, is not asked again.
    """
    with _LOCK:
        if name not in _read:
            handed = _handed_down(name)
            try:
                _read[name] = _checked(_asked(name, given), known) if handed is None else handed
            except SecretUnavailable as error:
                raise SecretUnavailable(f"the secret {name!r} cannot be used: {error}") from None
        return _read[name]


def values() -> dict[str, str]:
    """Return all that this process has read, under upper-case names."""
    return {key.upper(): value for found in _read.values() for key, value in found.items()}


def forget() -> None:
    """Have the next one that needs a secret ask for it anew."""
    _read.clear()


def to_hand_down() -> dict[str, str]:
    """Return the variable that tells kernels what was read; none where nothing was."""
    told = base64.b64encode(json.dumps(_read, sort_keys=True).encode()).decode()
    return {VARIABLE: told} if _read else {}


def credentials(written: Mapping[str, str | None], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for AWS, of `.env` and of the environment, which wins; a key is one's as a whole.

    >>> credentials({"AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "old"}, {"AWS_ACCESS_KEY_ID": "new"})
    {'AWS_REGION': 'eu-west-1', 'AWS_ACCESS_KEY_ID': 'new'}
    """
    ours = {name: value for name, value in environment.items() if name.startswith("AWS_") and value}
    theirs = {name: value for name, value in written.items() if name.startswith("AWS_") and value}
    has_key = any(name in ours for name in (*_KEYS, "AWS_PROFILE"))
    usable = {
        name: value for name, value in theirs.items() if not (has_key and name in (*_KEYS, "AWS_PROFILE"))
    }
    return {**usable, **ours}


def _handed_down(name: str) -> dict[str, str] | None:
    told = os.environ.get(VARIABLE)
    found: dict[str, dict[str, str]] = json.loads(base64.b64decode(told)) if told else {}
    return found.get(name)


def _asked(name: str, given: Mapping[str, str]) -> Any:
    """Return AWS's answer. Raises SecretUnavailable."""
    try:
        import boto3.session
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise SecretUnavailable(
            f"boto3 asks AWS for it, and is not installed: {how_to_have('aws')}"
        ) from None
    if ("AWS_ACCESS_KEY_ID" in given) != ("AWS_SECRET_ACCESS_KEY" in given):
        raise SecretUnavailable(_FAILED["PartialCredentialsError"])
    region = _region(given)
    place = f"region {region}" if region else "the region of the AWS profile"
    try:
        return _within(SECONDS, lambda: _client(boto3.session, given).get_secret_value(SecretId=name))
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        cause = _REFUSED.get(code, f"AWS refuses it ({code[:60]!r})")
    except TimeoutError:
        cause = _SILENT
    except BotoCoreError as error:
        cause = _FAILED.get(type(error).__name__, f"AWS cannot be asked ({type(error).__name__})")
    except ValueError:
        cause = "AWS_ENDPOINT_URL is no address: it begins with https://"
    raise SecretUnavailable(cause.replace("{region}", place)) from None


def _region(given: Mapping[str, str]) -> str | None:
    return given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION")


def _client(module: Any, given: Mapping[str, str]) -> Any:
    from botocore.config import Config

    session = module.Session(
        **{name.lower(): given[name] for name in _KEYS if name in given},
        region_name=_region(given),
        profile_name=given.get("AWS_PROFILE"),
    )
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    return session.client(
        "secretsmanager",
        endpoint_url=given.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or given.get("AWS_ENDPOINT_URL"),
        config=Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries),
    )


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a call returns, or raise what it raises; TimeoutError where it takes longer.

    Time-outs of sockets start again with every byte that comes, and know nothing of names and roles.
    """
    outcome: list[Callable[[], Any]] = []
    thread = threading.Thread(target=lambda: outcome.append(_outcome(call)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError
    return outcome[0]()


def _outcome(call: Callable[[], Any]) -> Callable[[], Any]:
    try:
        found = call()
    except BaseException as error:
        caught = error

        def again() -> Any:
            raise caught

        return again
    return lambda: found


def _checked(answer: Mapping[str, Any], known: Iterable[str]) -> dict[str, str]:
    """Return the settings in a secret. Raises SecretUnavailable, which names keys and never shows a value."""
    text = answer.get("SecretString")
    if not isinstance(text, str):
        is_binary = "SecretBinary" in answer
        raise SecretUnavailable(_BINARY if is_binary else _FAILED["ResponseParserError"])
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise SecretUnavailable("it is not JSON; akasa reads a JSON object of settings") from None
    if not isinstance(pairs, _Pairs):
        raise SecretUnavailable("it is JSON, but not an object of settings and their values")
    keys = [key.lower() for key, _ in pairs]
    usable = set(known) - {"aws_secret_name"}
    unknown = sorted({key for key, _ in pairs if key.lower() not in usable})
    twice = sorted({key.upper() for key in keys if keys.count(key) > 1})
    nested = sorted(key for key, value in pairs if isinstance(value, list))
    for found, what in (
        (unknown, "its keys {} are no settings (docs/settings.md lists those)"),
        (twice, "it gives {} twice"),
        (nested, "it gives {} no text or number, but a list or an object"),
    ):
        if found:
            raise SecretUnavailable(what.format(", ".join(found)))
    return {key.lower(): _text(value) for key, value in pairs if value not in (None, "")}


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its keys, also those that come twice."""


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
