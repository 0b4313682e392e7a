"""Run Dask's tasks: on the cluster of DASK_SCHEDULER_ADDRESS, or in threads of this process."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import cloudpickle
import dask.base
from dask import threaded
from dask.callbacks import Callback
from dask.delayed import delayed

from akasa.workspace import progress

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.5


class ClusterUnavailable(RuntimeError):
    """The Dask cluster doesn't answer, or has no worker to run on; the message names it and the way out."""


class ByValue:
    """A function that travels to workers as its code: they need what it imports, but not its module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.__name__ = function, function.__name__

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        module = __import__(self.function.__module__, fromlist=["*"])
        cloudpickle.register_pickle_by_value(module)
        try:
            return cloudpickle.loads, (cloudpickle.dumps(self.function),)
        finally:
            cloudpickle.unregister_pickle_by_value(module)


def task(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a Dask task that calls the function; arguments may be tasks, or lists of them."""
    return delayed(ByValue(function), name=function.__name__, pure=False)(*arguments)


def place(address: str | None) -> str:
    """Return where tasks run, as Markdown: threads, or the cluster with its workers and dashboard."""
    if address is None:
        return "Dask runs in threads of this process."
    with connected(address) as client:
        workers = len(client.scheduler_info()["workers"])
        return f"Dask runs on {workers} workers of `{address}`: [dashboard]({client.dashboard_link})."


def compute(tasks: Sequence[Any], address: str | None) -> list[Any]:
    """Return the tasks' results. What a lost worker had done is done again on the others.

    Raises ClusterUnavailable when nothing answers at the address, when the cluster has been without a worker
    for PATIENCE_SECONDS, or when one task after another kills its worker.
    """
    if address is None:
        with Callback(posttask=_tell_local):
            # named by itself: to look for another one, Dask would import all of distributed
            return list(dask.base.compute(*tasks, scheduler=threaded.get))
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    with connected(address) as client:
        try:
            futures = client.compute(list(tasks))
            _wait(client, futures, address)
            results: list[Any] = client.gather(futures)
            return results
        except KilledWorker as error:
            raise ClusterUnavailable(
                f"workers of {address} died one after another on the same task, as workers do that run out "
                f"of memory; give them more, or unset DASK_SCHEDULER_ADDRESS ({error})"
            ) from None
        except (CancelledError, CommClosedError, ConnectionError, TimeoutError) as error:
            raise ClusterUnavailable(
                f"the Dask scheduler at {address} (DASK_SCHEDULER_ADDRESS) went away during the run: {error}"
            ) from None


@contextmanager
def connected(address: str) -> "Iterator[Client]":
    """Give a client of the cluster, closed at the end. Raises ClusterUnavailable within CONNECT_SECONDS."""
    from distributed import Client

    try:
        with dask.config.set({"distributed.comm.timeouts.connect": CONNECT_SECONDS}):
            _greet(address)
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterUnavailable(
            f"no Dask scheduler answers at {address}: start it, correct DASK_SCHEDULER_ADDRESS, or unset it "
            f"to compute in this process ({type(error).__name__})"
        ) from None
    try:
        with client.as_current():
            yield client
    finally:
        client.close(timeout=CONNECT_SECONDS)


def _greet(address: str) -> None:
    """Raise where no scheduler answers in time; a Client would wait for ever for one that is silent."""
    from distributed.comm.core import connect
    from distributed.security import Security

    async def greet() -> None:
        security = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, **security), CONNECT_SECONDS)
        await comm.close()

    with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop that is running
        thread.submit(asyncio.run, greet()).result()


def _wait(client: "Client", futures: Sequence[Any], address: str) -> None:
    from distributed import wait

    seen = time.monotonic()
    while not all(future.done() for future in futures):
        with suppress(TimeoutError):
            wait(futures, timeout=_LOOK_SECONDS)
        progress.tell(f"Dask: {sum(future.done() for future in futures)} of {len(futures)} parts")
        if client.scheduler_info()["workers"]:
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE_SECONDS:
            raise ClusterUnavailable(
                f"the Dask scheduler at {address} (DASK_SCHEDULER_ADDRESS) has had no worker for "
                f"{PATIENCE_SECONDS:.0f} s: start workers, or unset the setting to compute in this process"
            )


def _tell_local(_key: Any, _result: Any, graph: Any, state: Any, _worker: Any) -> None:
    progress.tell(f"Dask: {len(state['finished'])} of {len(graph)} tasks")
