"""Work done ahead in threads, handed over in order, with a bound on what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_AHEAD = 2
"""Items that wait for each worker."""


def prefetch(items: Iterable[Item], make: Callable[[Item], Made], workers: int) -> Generator[Made, None, None]:
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


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, each one handed over when the next has been asked for."""
    waiting: deque[Item] = deque()  # of two at most: a batch may lie in pinned memory
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


@contextmanager
def behind() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Work done in one thread while the caller goes on, in order; at most one piece of it waits.

    Yields:
        what takes a piece of work: it returns once the piece before is done.

    Raises:
        Exception: whatever a piece raised, when the next one is handed over or at the end of the block.
    """
    last: Future[None] | None = None

    def hand_over(work: Callable[[], None]) -> None:
        nonlocal last
        if last:
            before, last = last, None
            before.result()
        last = pool.submit(work)

    with ThreadPoolExecutor(1) as pool:
        try:
            yield hand_over
        finally:
            if last:
                last.result()
