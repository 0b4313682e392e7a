"""Put a run's outputs into a bucket (PUBLISH_URL): its files under its name, then the pointer to them.

`latest.json` names the run that readers are to look at. It is put last, and only in place of the one that was
there when the run began: who reads it, and then what lies below the run that it names, never sees files of
two runs, and nobody goes back to an older one. Runs that were cut short lie there without being named.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from akasa.workspace import objects, promotion, storage
from akasa.workspace.failpoints import reached
from akasa.workspace.objects import Overtaken
from akasa.workspace.settings import Settings
from akasa.workspace.storage import Bucket, StorageUnavailable

POINTER = "latest.json"
_AT_ONCE = 4


class PublishFailed(StorageUnavailable):
    """The report is in OUTPUT_DIR, and not where PUBLISH_URL says; what readers see there is as it was."""


class Pointer(NamedTuple):
    """What `latest.json` said, and its ETag; None for both where there was none."""

    said: dict[str, Any] | None
    etag: str | None


def pointer(settings: Settings) -> Pointer:
    """Return where readers are now: to be asked when a run begins. Raises StorageUnavailable."""
    if settings.publish_url is None:
        return Pointer(None, None)
    found = objects.read(storage.bucket(settings, settings.publish_url), POINTER)
    return Pointer(_read(found[0]), found[1]) if found else Pointer(None, None)


def publish(settings: Settings, before: Pointer) -> None:
    """Publish what run.json lists in OUTPUT_DIR, unless readers are there already.

    Raises PublishFailed where the bucket cannot be used, or where another run was published since `before`.
    """
    if settings.publish_url is None:
        return
    place, about = storage.bucket(settings, settings.publish_url), _about(settings)
    if about == before.said:
        return
    try:
        _upload(settings, place, about["run"])
        reached("before moving the pointer")
        _point(place, about, before)
        reached("after moving the pointer")
    except PublishFailed:
        raise
    except StorageUnavailable as error:
        outputs = settings.label(settings.output_dir)
        raise PublishFailed(
            f"the report is in {outputs}, and was not published, which the next run does: {error}"
        ) from None


def _upload(settings: Settings, place: Bucket, run: str) -> None:
    """Put every file that run.json lists, and run.json itself, under the run's name."""
    changed = ", ".join(promotion.changed(settings.output_dir))
    if changed:
        outputs = settings.label(settings.output_dir)
        raise PublishFailed(
            f"nothing was published: {changed} in {outputs} is not what the run wrote; run it again"
        )

    def put(name: str) -> None:
        reached(f"before uploading {name}")
        objects.upload(place, f"{run}/{name}", settings.output_dir / name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(put, [*promotion.listed(settings.output_dir), promotion.MANIFEST]))


def _point(place: Bucket, about: dict[str, Any], before: Pointer) -> None:
    content = json.dumps(about, indent=1, ensure_ascii=False).encode() + b"\n"
    try:
        objects.put(place, POINTER, content, before.etag)
    except Overtaken:
        # An answer that was lost on its way has the same put twice.
        there = objects.read(place, POINTER)
        said = _read(there[0]) if there else None
        if said != about:
            raise PublishFailed(
                f"{place.url}/{POINTER} was moved to run {(said or {}).get('run')} while this one went on, "
                f"and stays there; this one lies in {place.url}/{about['run']}/: run it again to publish it"
            ) from None


def _about(settings: Settings) -> dict[str, Any]:
    """Return what the pointer is to say of the run whose files lie in OUTPUT_DIR."""
    manifest = settings.output_dir / promotion.MANIFEST
    said = promotion.told(settings.output_dir)
    if said is None:
        raise PublishFailed(f"nothing was published: no run wrote {settings.label(manifest)}; run it again")
    run = said["run"]
    return {
        "run": run,
        "page": f"{run}/index.html",
        "manifest": f"{run}/{promotion.MANIFEST}",
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "started": said.get("started"),
        "as_of": said.get("as_of"),
    }


def _read(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
