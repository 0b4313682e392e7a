"""Where files lie that are on no disk of this machine."""

from collections.abc import Mapping

from pyarrow.fs import S3FileSystem


def s3(options: Mapping[str, str]) -> S3FileSystem:
    """Return an S3 file system by options of deltalake's names; without a key, it looks for one itself."""
    return S3FileSystem(
        access_key=options.get("AWS_ACCESS_KEY_ID"),
        secret_key=options.get("AWS_SECRET_ACCESS_KEY"),
        region=options.get("AWS_REGION"),
        endpoint_override=options.get("AWS_ENDPOINT_URL"),
    )
