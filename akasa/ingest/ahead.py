"""Have large deliveries read by the workers of a cluster, if there is one, before others are read here."""

from collections.abc import Mapping, Sequence

from akasa.ingest import staging
from akasa.ingest.deliveries import Delivery
from akasa.ingest.readers import RefusedDelivery
from akasa.ingest.reading import Progress
from akasa.workspace.settings import Settings

LARGE_BYTES = 75_000_000  # more than that, some 300,000 order lines, is worth a task


def read(settings: Settings, found: Sequence[Delivery], tell: Progress) -> Mapping[Delivery, RefusedDelivery]:
    """Stage the large ones that are not staged yet, all at once; return those that were refused.

    Of several with the same bytes, the first is read. Raises ClusterUnavailable.
    """
    large = {one.key: one for one in reversed(found) if _is_large(one) and not _is_staged(settings, one)}
    if not large or settings.dask_scheduler_address is None:
        return {}
    from akasa.ingest import on_cluster  # which imports Dask

    return on_cluster.read(settings, list(reversed(large.values())), tell)


def _is_large(delivery: Delivery) -> bool:
    from akasa.workspace import objects  # what reads buckets takes its time

    try:
        size = objects.size(delivery.mark) if delivery.mark else delivery.path.stat().st_size
    except FileNotFoundError:  # gone since it was found: who reads it says so
        return False
    return size > LARGE_BYTES


def _is_staged(settings: Settings, delivery: Delivery) -> bool:
    return staging.is_there(settings.staging, delivery.kind, delivery.sha256)
