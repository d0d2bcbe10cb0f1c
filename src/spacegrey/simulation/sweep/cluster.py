"""A sweep on a Dask cluster that is there already: chunks go out, tables come back, the caller writes them.

A chunk is about a second of work, so a sweep of a million machines is some hundred tasks. A worker that dies loses its
chunk only: the scheduler gives it to another.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spacegrey import __version__
from spacegrey.errors import InputError, Refusal
from spacegrey.simulation.sources import PROGRAM
from spacegrey.simulation.sweep.rows import run_chunk

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import pyarrow as pa

    from spacegrey.simulation.sweep.plan import Plan

CONNECT_S = 10
"""A scheduler that does not answer in so long is not there. [s]"""

AHEAD = 3
"""Chunks handed out for each worker thread: enough that none waits, few enough that tables do not pile up."""

DEATHS = 5
"""A chunk that so many workers died of is given up; the others go on."""


@contextmanager
def connected(address: str) -> Generator[Any]:
    """Connect to a scheduler, and check that its workers can run this sweep.

    Parameters
    ----------
    address : str
        Such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    InputError
        dask.distributed is not installed, no scheduler answers, or a worker has another version.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--cluster needs dask.distributed: pip install 'spacegrey[cluster]'") from None
    if "://" not in address:
        raise InputError(f"--cluster {address}: an address begins with tcp:// or tls://, such as tcp://10.0.0.5:8786")
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"--cluster {address}: no scheduler answers ({why})") from None
    try:
        _check_workers(client, address)
        yield client
    finally:
        client.close()


def chunks(client: Any, made: Plan, bounds: list[tuple[int, int]]) -> Iterator[tuple[int, pa.Table | str]]:  # noqa: ANN401
    """Run row ranges of a plan on a cluster.

    Parameters
    ----------
    client : distributed.Client
        As `connected` gives it.
    made : Plan
        The sweep; sent to each worker once.
    bounds : list of (int, int)
        First row and the row after the last, of each chunk.

    Yields
    ------
    int, pyarrow.Table or str
        Place of the chunk in ``bounds``, and its rows as they are done, or why it has none.
    """
    from distributed import as_completed

    if not bounds:
        return
    threads = sum(client.nthreads().values())
    plan = client.scatter(made, broadcast=True, hash=False)
    left = deque(enumerate(bounds))
    places: dict[str, int] = {}

    def more() -> Any:  # noqa: ANN401 - a future
        place, (start, stop) = left.popleft()
        # One thread in each: the worker runs as many chunks at once as it has threads.
        future = client.submit(run_chunk, plan, start, stop, 1, retries=DEATHS, pure=False)
        places[future.key] = place
        return future

    waiting: Any = as_completed([more() for _ in range(min(len(left), AHEAD * max(threads, 1)))], loop=client.loop)
    for future in waiting:
        place = places.pop(future.key)
        if left:
            waiting.add(more())
        # What was done may be lost again with its worker: this waits until it has been done anew.
        error = future.exception()
        yield place, f"{type(error).__name__}: {error}".partition("\n")[0] if error else future.result()
        future.release()


def _check_workers(client: Any, address: str) -> None:  # noqa: ANN401
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise Refusal(f"--cluster {address}: the scheduler has no workers") from None
    try:
        versions: dict[str, str] = client.run(_version)
    except Exception as error:  # noqa: BLE001 - whatever a worker without this package answers
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise InputError(f"--cluster {address}: a worker cannot run spacegrey {__version__}: {why}") from None
    mine = _version()
    for worker, version in versions.items():
        if version != mine:
            raise InputError(f"--cluster {address}: worker {worker} has spacegrey {version}, and here is {mine}")


def _version() -> str:
    """Return version and state of the program: what must be the same for the same answer."""
    return f"{__version__} ({PROGRAM})"
