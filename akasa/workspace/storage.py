"""Where the warehouse lies: a folder of this machine, or, by WAREHOUSE_URL, a prefix of a bucket in S3.

Both do the same. A folder is told by its path; whoever speaks of a bucket does so within `faults`, so that
what deltalake, Arrow and boto3 say in as many ways comes out as one sentence.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from deltalake.exceptions import DeltaError
from pyarrow.fs import (
    AwsStandardS3RetryStrategy,
    FileSystem,
    LocalFileSystem,
    S3FileSystem,
    SubTreeFileSystem,
)

from akasa.workspace.settings import Settings

CONNECT_SECONDS = 3
ANSWER_SECONDS = 10  # without a byte
REQUEST_SECONDS = 30  # with all its bytes: of a file that is written, parts of 10 MB are sent
ATTEMPTS = 2

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_TROUBLE = "the server has trouble of its own: try again later"
_SILENT = "it does not answer in time: check AWS_ENDPOINT_URL, and that the server is well"
_NOBODY = (
    "nothing answers there: check AWS_ENDPOINT_URL (http or https, host, port), and that the server runs"
)
AWAY = (_TROUBLE, _SILENT, _NOBODY)  # what is said of a server that may come back by itself
_WHAT_TO_CHECK = {
    r"InvalidAccessKeyId|INVALID_ACCESS_KEY_ID|SignatureDoesNotMatch|SIGNATURE_DOES_NOT_MATCH": (
        f"it does not know the keys: {_KEYS}"
    ),
    r"ExpiredToken|InvalidToken|TokenRefreshRequired": "the keys have expired: renew AWS_SESSION_TOKEN",
    r"NoSuchBucket|NO_SUCH_BUCKET": "there is no such bucket: create it, or mend the address",
    r"RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|301 Moved": (
        "the bucket is in another region: check AWS_REGION"
    ),
    r"locate credentials|CredentialsError|NoCredential|169\.254\.169\.254|[Ii]nstance.?[Mm]etadata": (
        "no keys are given, and this machine has none of its own: set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY"
    ),
    r"AccessDenied|ACCESS_DENIED|403 Forbidden|\(403\)": (
        f"the keys may not do this: have listing, reading, writing and deleting granted to them, or {_KEYS}"
    ),
    r"WRONG_VERSION_NUMBER|wrong version number|InvalidContentType": (
        "it speaks no TLS: write http:// in AWS_ENDPOINT_URL"
    ),
    r"HTTP request (?:was sent )?to (?:an )?HTTPS|InvalidHTTPVersion|invalid HTTP version": (
        "it speaks TLS: write https:// in AWS_ENDPOINT_URL"
    ),
    r"certificate|UnknownIssuer": (
        "its certificate is not trusted: mend it, or have its authority among those that this machine trusts"
    ),
    r"timed out|Timeout was reached|timeout on endpoint|Operation too slow": _SILENT,
    r"[Cc]onnect|curlCode|dns error|resolve|refused|reset|closed": _NOBODY,
    r"SlowDown|ServiceUnavailable|InternalError|SLOW_DOWN|\b50\d [A-Z]|\(50\d\)": _TROUBLE,
}
_OF_S3 = re.compile(r"Generic S3 error|AWS Error|Server returned|HTTP error")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TAGS = re.compile(r"<[^<>]*>")


class StorageUnavailable(RuntimeError):
    """A bucket cannot be used; the message says which one, where, and what to check, never the keys."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine; in it, a folder for each table."""

    path: Path
    options: dict[str, str] | None = None

    def uri(self, table: str) -> str:
        """Return a table's folder for deltalake, which would take parts of a path for those of a URI."""
        return (self.path / table).as_uri()

    def file_system(self, table: str) -> FileSystem:
        """Return what Arrow reads a table's files by."""
        return SubTreeFileSystem((self.path / table).as_posix(), LocalFileSystem())

    def make_room(self, table: str, folder: str) -> None:
        """Make a folder of a table, that files may be written there."""
        (self.path / table / folder).mkdir(parents=True, exist_ok=True)

    def address(self, table: str, file: str) -> str:
        """Return where a table's file is, for workers of a cluster."""
        return str(self.path / table / file)

    def has(self, table: str, file: str) -> bool:
        return (self.path / table / file).exists()

    def remove(self, table: str) -> None:
        shutil.rmtree(self.path / table, ignore_errors=True)

    def faults(self) -> AbstractContextManager[None]:
        """Let faults of a disk be told as they are."""
        return nullcontext()


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket (`s3://bucket/prefix`); below it, one for each table. The same as Folder."""

    url: str
    endpoint: str | None = None
    region: str = "us-east-1"
    options: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with: nothing, or `prefix/`."""
        below = self.url.removeprefix("s3://").partition("/")[2]
        return f"{below}/" if below else ""

    def uri(self, table: str) -> str:
        return f"{self.url}/{table}"

    def file_system(self, table: str) -> FileSystem:
        return SubTreeFileSystem(f"{self.name}/{self.prefix}{table}", s3(self.options))

    def make_room(self, table: str, folder: str) -> None:
        """A bucket has no folders."""

    def address(self, table: str, file: str) -> str:
        return f"{self.url}/{table}/{file}"

    def has(self, table: str, file: str) -> bool:
        return bool(self.file_system(table).get_file_info(file).is_file)

    def remove(self, table: str) -> None:
        s3(self.options).delete_dir_contents(f"{self.name}/{self.prefix}{table}", missing_dir_ok=True)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Raise StorageUnavailable where the bucket cannot be used; what is wrong in it is told as it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (DeltaError, pa.ArrowException) as error:
            if not (_OF_S3.search(str(error)) and why(error)):
                raise
            raise self.unavailable(error) from None
        except OSError as error:
            raise self.unavailable(error) from None

    def unavailable(self, error: Exception) -> StorageUnavailable:
        """Return the one sentence that says what to check."""
        place, check = self.endpoint or f"AWS, {self.region}", why(error) or plain(error)
        said = f" ({plain(error)})" if check == _TROUBLE else ""
        return StorageUnavailable(f"cannot use {self.url} at {place}: {check}{said}")


def warehouse(settings: Settings) -> Folder | Bucket:
    """Return where the warehouse lies."""
    if settings.warehouse_url is None:
        return Folder(settings.warehouse)
    return bucket(settings, settings.warehouse_url)


def bucket(settings: Settings, url: str) -> Bucket:
    """Return a prefix of a bucket, with what it takes to open it."""
    return Bucket(url, settings.aws_endpoint_url, region(settings), options(settings))


def region(settings: Settings) -> str:
    """Return the buckets' region: most other servers than AWS's take any."""
    return settings.aws_region or "us-east-1"


def options(settings: Settings) -> dict[str, str]:
    """Return deltalake's storage options. A log's next entry is put on the condition that there is none."""
    keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    secrets = {name.upper(): getattr(settings, name) for name in keys}
    given = {
        **{name: secret and secret.get_secret_value() for name, secret in secrets.items()},
        "AWS_ENDPOINT_URL": settings.aws_endpoint_url,
    }
    plain_http = (settings.aws_endpoint_url or "").startswith("http:")
    return {name: value for name, value in given.items() if value} | {
        "AWS_REGION": region(settings),
        "AWS_ALLOW_HTTP": "true" if plain_http else "false",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        # Named, as deltalake takes what is not from the environment; a rename could lose a commit.
        "AWS_CONDITIONAL_PUT": "etag",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "false",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "timeout": f"{REQUEST_SECONDS}s",
        "max_retries": str(ATTEMPTS),
        "retry_timeout": f"{ANSWER_SECONDS}s",
    }


def s3(options: Mapping[str, str]) -> S3FileSystem:
    """Return an S3 file system by options of deltalake's names; without a key, it looks for one itself."""
    endpoint = options.get("AWS_ENDPOINT_URL")
    return S3FileSystem(
        access_key=options.get("AWS_ACCESS_KEY_ID"),
        secret_key=options.get("AWS_SECRET_ACCESS_KEY"),
        session_token=options.get("AWS_SESSION_TOKEN"),
        region=options.get("AWS_REGION"),
        endpoint_override=endpoint,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=ANSWER_SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def why(error: Exception) -> str | None:
    """Return what is wrong and what to check, by what a library says; None where it is no fault of S3's.

    >>> why(OSError("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation"))
    'there is no such bucket: create it, or mend the address'
    """
    return next((words for signs, words in _WHAT_TO_CHECK.items() if re.search(signs, str(error))), None)


def plain(error: Exception) -> str:
    r"""Return what an error says in one line, without colours and XML.

    >>> plain(OSError("Generic S3 error\n   \x1b[31m↳\x1b[0m <Code>Odd</Code>"))
    'Generic S3 error: Odd'
    """
    text = _TAGS.sub(" ", _COLOURS.sub("", str(error))).replace("↳", ":")
    return re.sub(r"\s*:\s*", ": ", re.sub(r"\s+", " ", text)).strip(" :")
