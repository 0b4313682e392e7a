"""A run's outputs in a bucket: its files under its name, then the pointer."""

import hashlib
import json

import pytest
from lib.promoting import promote

from akasa.run import upload
from akasa.workspace import objects


@pytest.fixture
def cfg(on_moto):
    return on_moto(PUBLISH_URL="s3:///outputs/")


def published(cfg, name, **contents):
    """Let a run write files and publish them."""
    before = upload.pointer(cfg)
    promote(cfg.output_dir, contents, name)
    upload.publish(cfg, before)


def there(cfg, server):
    found = server.objects(cfg.s3_bucket, "outputs/")
    return {key.removeprefix("outputs/"): content for key, content in found.items()}


def test_files_lie_below_their_run_and_the_pointer_names_it(cfg, moto):
    published(cfg, "R1", **{"index.html": "<p>₹", "notebooks/05.html": "05"})
    found = there(cfg, moto)
    assert set(found) == {"R1/index.html", "R1/notebooks/05.html", "R1/run.json", "latest.json"}
    assert found["R1/index.html"].decode() == "<p>₹"
    pointer = json.loads(found["latest.json"])
    assert (pointer["run"], pointer["page"]) == ("R1", "R1/index.html")
    assert pointer["manifest_sha256"] == hashlib.sha256(found[pointer["manifest"]]).hexdigest()
    head = moto.client().head_object(Bucket=cfg.s3_bucket, Key="outputs/R1/index.html")
    assert head["ContentType"] == "text/html; charset=utf-8"


def test_the_next_run_lies_beside_it(cfg, moto):
    published(cfg, "R1", **{"index.html": "1"})
    published(cfg, "R2", **{"index.html": "2"})
    found = there(cfg, moto)
    assert (found["R1/index.html"], found["R2/index.html"]) == (b"1", b"2")
    assert json.loads(found["latest.json"])["run"] == "R2"


def test_what_is_published_is_not_published_again(cfg, moto, monkeypatch):
    published(cfg, "R1", **{"index.html": "1"})
    monkeypatch.setattr(objects, "upload", None)
    upload.publish(cfg, upload.pointer(cfg))


def test_the_pointer_stays_with_a_run_that_was_published_since(cfg, moto):
    published(cfg, "R1", **{"index.html": "1"})
    before = upload.pointer(cfg)
    published(cfg, "R2", **{"index.html": "2"})
    promote(cfg.output_dir, {"index.html": "3"}, "R3")
    with pytest.raises(
        upload.PublishFailed,
        match=r"outputs/latest.json was moved to run R2 while this .* lies in s3://.*/outputs/R3/: run",
    ):
        upload.publish(cfg, before)
    found = there(cfg, moto)
    assert (json.loads(found["latest.json"])["run"], found["R3/index.html"]) == ("R2", b"3")


def test_a_first_pointer_is_not_overwritten(cfg, moto):
    before = upload.pointer(cfg)
    published(cfg, "R1", **{"index.html": "1"})
    promote(cfg.output_dir, {"index.html": "2"}, "R2")
    with pytest.raises(upload.PublishFailed, match="moved to run R1"):
        upload.publish(cfg, before)


def test_a_pointer_that_was_put_twice_is_ours(cfg, moto, monkeypatch):
    """The first answer was lost on its way, so boto3 puts it again, and finds its own one there."""
    put = objects.put

    def twice(*arguments):
        put(*arguments)
        return put(*arguments)

    monkeypatch.setattr(objects, "put", twice)
    published(cfg, "R1", **{"index.html": "1"})
    assert json.loads(there(cfg, moto)["latest.json"])["run"] == "R1"


def test_a_file_that_was_changed_since_is_not_published(cfg, moto):
    before = upload.pointer(cfg)
    promote(cfg.output_dir, {"index.html": "1"}, "R1")
    (cfg.output_dir / "index.html").write_text("mine")
    with pytest.raises(upload.PublishFailed, match=r"index.html in outputs is not what the run wrote"):
        upload.publish(cfg, before)
    assert there(cfg, moto) == {}


def test_a_bucket_that_is_away_leaves_the_report_and_says_so(cfg, monkeypatch):
    before = upload.pointer(cfg)
    promote(cfg.output_dir, {"index.html": "1"}, "R1")
    away = cfg.model_copy(update={"publish_url": "s3://no-such-bucket/outputs"})
    with pytest.raises(
        upload.PublishFailed,
        match=r"^the report is in outputs, and was not published, which the next run does: "
        r"cannot use s3://no-such-bucket/outputs at http://127.0.0.1:\d+: there is no such bucket: create it",
    ):
        upload.publish(away, before)


def test_without_a_place_nothing_is_published(workspace):
    upload.publish(workspace, upload.pointer(workspace))
