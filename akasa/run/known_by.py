"""A run of what was known by a day, in a workspace of its own, whose outputs lie beside the day's report.

Nothing is written to the stores, nor to what the next run is compared with.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import get_args

from pydantic import SecretStr

from akasa.stores import apart, lock
from akasa.workspace.settings import Settings

FOLDER = "known_by"  # in outputs
# Where other things lie, and who else is told: none of it is this run's.
_NOT_ITS = (
    *("data_dir", "output_dir", "incoming_url", "db_host", "db_local_infile", "warehouse_url"),
    *("publish_url", "s3_bucket", "metrics_file"),
    *("aws_secret_name", "aws_endpoint_url", "aws_access_key_id"),
)


@contextmanager
def workspace(settings: Settings, day: date, tell: Callable[[str], None]) -> Iterator[Settings]:
    """Give the settings of a workspace that holds what was known by a day; say what it cannot tell.

    The environment names it, too, for the kernels of its run, and it is gone at the end.
    Raises Busy while another run goes on, NothingKnown and DeliveryGone.
    """
    from akasa.publish import known_by

    with ExitStack() as own:
        with lock.run(settings):
            found = known_by.remember(settings, day, tell)
            folder = own.enter_context(apart.folder(settings.data_dir))
        there = _there(settings, folder, day)
        tell(f"publishing what was known by {day} in a workspace of its own")
        known_by.make(settings, there, found)
        for line in found.known.otherwise:
            print(f"note: {line}", file=sys.stderr, flush=True)
        with _handed_down(there):
            yield there


def _there(settings: Settings, folder: Path, day: date) -> Settings:
    own = {name: Settings.model_fields[name].default for name in _NOT_ITS}
    own |= {"data_dir": folder, "output_dir": settings.output_dir / FOLDER / day.isoformat(), "keep_runs": 0}
    # Lines are told as they were delivered, from where they lie.
    own |= {"customers_csv_path": settings.customers_csv, "orders_xml_path": settings.orders_xml}
    own |= {"incoming_dir": settings.incoming}
    there: Settings = settings.model_copy(update=own)
    return there


@contextmanager
def _handed_down(there: Settings) -> Iterator[None]:
    """Let the environment say just these settings meanwhile: no `.env`, no other's database."""
    before = dict(os.environ)
    known = {
        name.upper(): _text(getattr(there, name))
        for name, field in Settings.model_fields.items()
        if SecretStr not in (field.annotation, *get_args(field.annotation))
        and getattr(there, name) is not None
    }
    others = {name: value for name, value in before.items() if name.lower() not in Settings.model_fields}
    try:
        os.environ.clear()
        os.environ.update(others | known, AKASA_ENV_FILE=os.devnull)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
