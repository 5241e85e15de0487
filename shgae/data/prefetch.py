"""Work done ahead in threads, handed over in order, with a bound on what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_AHEAD = 2
"""Items that wait for each worker."""


def prefetch(items: Iterable[Item], make: Callable[[Item], Made], workers: int) -> Iterator[Made]:
    """``make`` of every item, in order, worked out ahead by so many threads; 0 does it in line.

    Threads suffice: reading mapped files, NumPy's copies and Pillow's decoding let go of the interpreter's lock.
    """
    if workers <= 0:
        yield from map(make, items)
        return
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Never waits: given up by its reader, this may run in the garbage collector, under the lock that a join needs.
        pool.shutdown(wait=False, cancel_futures=True)
