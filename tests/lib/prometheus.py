"""The metrics of a run as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families


def read(file):
    """Return name and labels → value, without the prefix that all names have."""
    found = text_string_to_metric_families(file.read_text("utf-8"))
    return {
        (sample.name.removeprefix("akasa_"), *sample.labels.values()): sample.value
        for family in found
        for sample in family.samples
    }
