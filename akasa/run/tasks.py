"""What a run consists of, as Prefect's tasks: each a task run of its own name, tried again if that helps."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from akasa.workspace.extras import how_to_have

# Before Prefect is imported: it tells nobody of us.
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
try:
    from prefect import task
    from prefect.cache_policies import NO_CACHE
    from prefect.client.schemas.objects import State
    from prefect.settings import get_current_settings
    from prefect.states import Failed
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "prefect":
        raise
    raise ImportError(f"Prefect is not installed; {how_to_have('flow')}") from None

from akasa.run import passing, summary
from akasa.run.steps import STEPS

_T = TypeVar("_T")
SETTINGS, REMEMBER, BEGIN = "read settings", "go back to a day", "begin"
PLACE, PUBLISH = "put in place", "publish"
BACKFILL, WITHDRAW = "backfill", "withdraw"
SECONDS_BETWEEN_TRIES = [30.0, 60.0, 120.0, 300.0]
# An operator's own: PREFECT_TASKS_DEFAULT_RETRIES, PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS.
_own: Any = get_current_settings().tasks


def _may_pass(_task: Any, _run: Any, state: State[Any]) -> bool:
    return isinstance(state.data, Exception) and passing.passes(state.data)


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=_own.default_retries or len(SECONDS_BETWEEN_TRIES),
    retry_delay_seconds=_own.default_retry_delay_seconds or SECONDS_BETWEEN_TRIES,
    retry_condition_fn=_may_pass,
)
def attempt(do: Callable[[], Any]) -> Any:
    """Do one thing of a run; an error of ours becomes a state that says it in our words."""
    try:
        return do()
    except Exception as error:
        if not passing.is_ours(error):
            raise
        return Failed(message=summary.cause(error), data=error)


TASKS = {
    name: attempt.with_options(name=name, task_run_name=name)
    for name in (SETTINGS, REMEMBER, BEGIN, *STEPS, PLACE, PUBLISH, BACKFILL, WITHDRAW)
}


def attempted(name: str, do: Callable[[], _T]) -> _T:
    """Run a task of that name; return what it did, or raise what stopped it."""
    state: State[Any] = TASKS[name](do, return_state=True)
    found = state.result(raise_on_failure=False)
    if isinstance(found, Exception):
        raise found
    return found  # type: ignore[no-any-return]
