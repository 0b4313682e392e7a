"""What is wrong with a bucket is told in one sentence, the same whichever library meets it first."""

import os
import socket
import subprocess
import sys
import time

import pytest
from lib import buckets
from lib.ports import free_port
from pyarrow.fs import FileSelector
from pydantic import SecretStr

from akasa.ingest import deliveries
from akasa.run import upload
from akasa.stores import lock, warehouse
from akasa.workspace import objects, storage
from akasa.workspace.settings import ROOT
from akasa.workspace.storage import StorageUnavailable

WRONG_ID = {"aws_access_key_id": SecretStr("no-such-id")}
WRONG_SECRET = {"aws_secret_access_key": SecretStr("canary-7-in-a-key")}
MISSING = {"warehouse_url": "s3://no-such-bucket/warehouse"}
KEYS = "it does not know the keys: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def told(settings):
    """Return what deltalake's, Arrow's and boto3's faults are told as."""
    place = storage.bucket(settings, settings.warehouse_url)
    asked = (
        lambda: warehouse.exists(settings, "orders"),
        lambda: storage.s3(place.options).get_file_info(FileSelector(f"{place.name}/{place.prefix}")),
        lambda: objects.listed(place),
    )
    found = set()
    for ask in asked:
        try:
            with place.faults():
                ask()
        except StorageUnavailable as error:
            found.add(str(error))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (WRONG_ID, KEYS),
        (WRONG_SECRET, KEYS),
        (MISSING, "there is no such bucket: create it, or mend the address"),
    ],
)
def test_a_real_server_turns_away_wrong_keys_and_buckets(on_seaweed, changes, why):
    cfg = on_seaweed().model_copy(update=changes)
    assert told(cfg) == {f"cannot use {cfg.warehouse_url} at {cfg.aws_endpoint_url}: {why}"}


def test_tls_that_a_server_does_not_speak(on_moto):
    cfg = on_moto()
    cfg = cfg.model_copy(update={"aws_endpoint_url": cfg.aws_endpoint_url.replace("http:", "https:")})
    (sentence,) = told(cfg)
    assert sentence.endswith("it speaks no TLS: write http:// in AWS_ENDPOINT_URL")


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_nothing_answers(on_moto, host):
    cfg = on_moto(AWS_ENDPOINT_URL=f"http://{host}:{free_port()}")
    (sentence,) = told(cfg)
    assert sentence.startswith(f"cannot use {cfg.warehouse_url} at {cfg.aws_endpoint_url}: nothing answers")


@pytest.mark.parametrize("short", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_server_that_is_silent_is_not_waited_for_long(on_moto, monkeypatch, short):
    """All who speak to it: the warehouse, deliveries, a run, and the pointer to what is published."""
    if short:
        for name in ("CONNECT_SECONDS", "ANSWER_SECONDS", "REQUEST_SECONDS"):
            monkeypatch.setattr(storage, name, 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        addresses = {"INCOMING_URL": "s3:///in", "PUBLISH_URL": "s3:///out"}
        cfg = on_moto(AWS_ENDPOINT_URL=endpoint, **addresses)
        for ask in (
            lambda: warehouse.exists(cfg, "orders"),
            lambda: deliveries.find(cfg),
            lambda: lock.run(cfg).__enter__(),
            lambda: upload.pointer(cfg),
        ):
            began = time.monotonic()
            with pytest.raises(StorageUnavailable, match=f"at {endpoint}: it does not answer in time: check"):
                ask()
            assert time.monotonic() - began < (6 if short else 35)


def test_what_a_library_says_is_told_without_colours_and_xml(on_moto):
    said = OSError("Generic S3 error\n  \x1b[31m↳\x1b[0m <?xml version='1.0'?>\n<Code>Odd</Code><Key>k</Key>")
    place = storage.bucket(on_moto(), "s3://b/w")
    with pytest.raises(StorageUnavailable) as told, place.faults():
        raise said
    assert str(told.value) == f"cannot use s3://b/w at {place.endpoint}: Generic S3 error: Odd k"


def test_no_rename_and_no_put_without_a_condition_whatever_the_environment_says(on_moto, monkeypatch):
    monkeypatch.setenv("AWS_S3_ALLOW_UNSAFE_RENAME", "true")
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    options = storage.options(on_moto())
    assert (options["AWS_S3_ALLOW_UNSAFE_RENAME"], options["AWS_CONDITIONAL_PUT"]) == ("false", "etag")


def test_keys_are_in_no_text_of_a_bucket(on_moto):
    cfg = on_moto()
    assert buckets.SECRET not in repr(storage.warehouse(cfg)) + repr(cfg)


def test_who_works_in_folders_imports_no_boto3(workspace):
    code = (
        "import sys; from akasa.ingest import deliveries; from akasa.stores import lock, warehouse;"
        "from akasa.run import upload; from akasa.workspace import settings; cfg = settings.load()\n"
        "with lock.run(cfg): warehouse.exists(cfg, 'orders'); upload.publish(cfg, upload.pointer(cfg))\n"
        "assert not {'boto3', 's3fs', 'botocore'} & sys.modules.keys()"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT
    )


def test_without_boto3_the_way_out_is_told(on_moto, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(StorageUnavailable, match=r"boto3 is not installed; make env EXTRA=aws$"):
        lock.run(on_moto()).__enter__()
