"""What flows need around them: a server of Prefect's, and a schedule."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click
from prefect import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_HOME, get_current_settings, temporary_settings
from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS as SECONDS_TO_START
from pydantic import ValidationError


@contextmanager
def server() -> Iterator[None]:
    """Have a server: the named one, else Prefect's temporary one, of which nothing is left."""
    if get_current_settings().api.url:
        require_answer()
        yield
        return
    with (
        tempfile.TemporaryDirectory(prefix="akasa-prefect-") as home,
        temporary_settings({PREFECT_HOME: home, SECONDS_TO_START: 240}),
    ):
        yield


def require_answer() -> None:
    url = get_current_settings().api.url
    with get_client(sync_client=True) as client:
        if client.api_healthcheck():
            raise click.ClickException(
                f"Prefect's server does not answer at {url} (PREFECT_API_URL): start it, or name another"
            )


def schedule(cron: str | None, zone: str) -> list[CronSchedule]:
    """Return when the report is run by itself: no times, without --cron. Raises click's BadParameter."""
    try:
        return [CronSchedule(cron=cron, timezone=zone)] if cron else []
    except ValidationError as error:
        (fault, *_) = error.errors()
        option, value = ("--timezone", zone) if "timezone" in fault["loc"] else ("--cron", str(cron))
        raise click.BadParameter(_unfit(option, value), param_hint=option) from None


def _unfit(option: str, value: str) -> str:
    if option == "--timezone":
        return f"{value!r} is not a time zone of the IANA database, such as Asia/Kolkata"
    return f"{value!r} is not a time of cron's, such as '30 5 * * *' for half past five every day"
