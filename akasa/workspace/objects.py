"""Single objects of a bucket: listed, fetched, put on a condition.

boto3 is imported when the first of them is asked for: nobody needs it who works in folders.
"""

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from akasa.workspace import files, storage
from akasa.workspace.extras import how_to_have
from akasa.workspace.storage import Bucket, StorageUnavailable

_CHUNK_BYTES = 1_048_576
_FORMER = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}  # somebody else came first
_ABSENT = {"NoSuchKey", "404"}


class Overtaken(RuntimeError):
    """An object is not, or no longer, what it had to be for another one to take its place."""


class Object(NamedTuple):
    """An object as it is listed: `name` is its key below the prefix; `mark` tells its versions apart."""

    name: str
    mark: str


def listed(place: Bucket) -> tuple[list[Object], list[str]]:
    """Return the objects that lie directly below the prefix, and the names of what looks like folders."""
    found, folders, start = [], [], len(place.prefix)
    with _faults(place) as client:
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.name, Prefix=place.prefix, Delimiter="/"):
            for one in page.get("Contents", ()):
                found.append(Object(one["Key"][start:], _mark(one["ETag"], one["Size"], one["LastModified"])))
            folders += [one["Prefix"][start:-1] for one in page.get("CommonPrefixes", ())]
    return [one for one in found if one.name], folders


def below(place: Bucket) -> dict[str, str]:
    """Return the mark of every object below the prefix, by its name."""
    start = len(place.prefix)
    with _faults(place) as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.name, Prefix=place.prefix)
        return {
            one["Key"][start:]: _mark(one["ETag"], one["Size"], one["LastModified"])
            for page in pages
            for one in page.get("Contents", ())
        }


def fetch(place: Bucket, name: str, path: Path) -> tuple[str, str]:
    """Write an object's bytes to a file as they come, in one request; return its mark, and their SHA-256.

    Raises FileNotFoundError where there is none.
    """
    digest = hashlib.sha256()
    with _faults(place) as client, files.private(), files.atomic(path) as part, part.open("wb") as stream:
        answer = client.get_object(Bucket=place.name, Key=place.prefix + name)
        for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
            stream.write(chunk)
    mark = _mark(answer["ETag"], answer["ContentLength"], answer["LastModified"])
    return mark, digest.hexdigest()


def read(place: Bucket, name: str) -> tuple[bytes, str] | None:
    """Return a small object's bytes and its ETag; None where there is none."""
    try:
        with _faults(place) as client:
            answer = client.get_object(Bucket=place.name, Key=place.prefix + name)
            return answer["Body"].read(), answer["ETag"]
    except FileNotFoundError:
        return None


def put(place: Bucket, name: str, content: bytes, instead_of: str | None) -> str:
    """Put an object in place of the one with this ETag, or, where it is None, of none; return its own.

    Raises Overtaken where another one is there.
    """
    condition = {"IfMatch": instead_of} if instead_of else {"IfNoneMatch": "*"}
    return _put(place, name, content, CacheControl="no-cache", **condition)


def upload(place: Bucket, name: str, file: Path) -> None:
    """Put a file as an object, of the type that its name tells, so that browsers show it."""
    _put(place, name, file.read_bytes())


def _put(place: Bucket, name: str, content: bytes, **more: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/json":
        kind += "; charset=utf-8"
    with _faults(place) as client:
        key = place.prefix + name
        answer = client.put_object(Bucket=place.name, Key=key, Body=content, ContentType=kind, **more)
    etag: str = answer["ETag"]
    return etag


def size(mark: str) -> int:
    """Return how many bytes an object has, by its mark.

    >>> size('"0123" 700 2025-11-12T06:00:00Z')
    700
    """
    return int(mark.rsplit(" ", 2)[1])


def _mark(etag: str, size: int, modified: Any) -> str:
    return f"{etag} {size} {modified:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def _faults(place: Bucket) -> Iterator[Any]:
    """Give boto3's client; raise its faults as StorageUnavailable, Overtaken or FileNotFoundError."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    except ImportError:
        raise StorageUnavailable(
            f"cannot use {place.url}: boto3 is not installed; {how_to_have('aws')}"
        ) from None
    try:
        yield _client(place.endpoint, place.region, tuple(sorted(place.options.items())))
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _FORMER:
            raise Overtaken(code) from None
        if code in _ABSENT:
            raise FileNotFoundError(f"there is no such object in {place.url}") from None
        raise place.unavailable(error) from None
    except (BotoCoreError, HTTPClientError) as error:
        raise place.unavailable(error) from None


@cache
def _client(endpoint: str | None, region: str, given: tuple[tuple[str, str], ...]) -> Any:
    import boto3
    from botocore.config import Config

    options = dict(given)
    # A session of its own: the shared one is not made for threads.
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=options.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=options.get("AWS_SESSION_TOKEN"),
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=storage.CONNECT_SECONDS,
            read_timeout=storage.ANSWER_SECONDS / 2,
            retries={"mode": "standard", "total_max_attempts": storage.ATTEMPTS},
            request_checksum_calculation="when_required",  # others than AWS do not know all of them
            response_checksum_validation="when_required",
        ),
    )
