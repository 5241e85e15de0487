"""Work is done ahead, in order, and never further ahead than the bound."""

import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.data.prefetch import behind, one_ahead, prefetch


@settings(max_examples=30)
@given(st.lists(st.integers(), max_size=20), st.integers(0, 4))
def test_results_come_in_order_whatever_the_number_of_threads(items: list[int], workers: int) -> None:
    def make(item: int) -> int:
        time.sleep(0.0005 * (item % 3))
        return item + 1

    assert list(prefetch(items, make, workers)) == [item + 1 for item in items]


def test_no_more_is_begun_than_the_bound_allows() -> None:
    begun = threading.Semaphore(0)
    taken = prefetch(range(1000), lambda item: begun.release() or item, workers=2)
    for _ in range(3):
        next(taken)
    time.sleep(0.05)
    count = 0
    while begun.acquire(blocking=False):
        count += 1
    assert count <= 3 + 2 * 2 + 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_comes_at_its_place(workers: int) -> None:
    def make(item: int) -> int:
        if item == 3:
            raise RuntimeError("three")
        return item

    results = prefetch(range(6), make, workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="three"):
        next(results)


def test_a_reader_that_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    results = prefetch(range(100), lambda item: item, workers=3)
    next(results)
    results.close()  # type: ignore[attr-defined]
    patience = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < patience:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_reader_that_gives_up_never_waits_for_the_work_in_progress() -> None:
    # It may do so in the garbage collector, in the midst of the start of a thread, where waiting would be for ever.
    go_on = threading.Event()
    results = prefetch(range(10), lambda item: item == 0 or go_on.wait(60), workers=2)
    assert next(results)  # the others are waiting to go on
    ending = threading.Thread(target=results.close, daemon=True)  # type: ignore[attr-defined]
    ending.start()
    ending.join(timeout=20)
    was_waiting = ending.is_alive()
    go_on.set()
    assert not was_waiting


@given(st.lists(st.integers(), max_size=5))
def test_one_ahead_hands_over_the_same_items_when_the_next_has_been_made(items: list[int]) -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for item in items:
            made.append(item)
            yield item

    for number, item in enumerate(one_ahead(making()), 1):
        assert item == items[number - 1]
        assert len(made) == min(number + 1, len(items))
    assert made == items


def test_one_ahead_keeps_two_items_and_no_more() -> None:
    class Item:
        pass

    alive: weakref.WeakSet[Item] = weakref.WeakSet()

    def making() -> Iterator[Item]:
        for _ in range(100):
            item = Item()
            alive.add(item)
            yield item
            del item

    assert max(len(alive) for _ in one_ahead(making())) <= 2


def test_work_behind_is_done_in_order_while_the_caller_goes_on_one_piece_at_a_time() -> None:
    done: list[int] = []
    go_on = threading.Event()

    def first() -> None:
        go_on.wait(10)
        done.append(1)

    with behind() as hand_over:
        hand_over(first)
        assert done == []
        go_on.set()
        hand_over(lambda: done.append(2))
        assert done[:1] == [1], "the second is taken when the first is done"
    assert done == [1, 2]


@pytest.mark.parametrize("last", [False, True])
def test_a_failure_behind_reaches_the_caller(last: bool) -> None:
    def fail() -> None:
        raise OSError("full")

    done: list[int] = []
    with pytest.raises(OSError, match="full"), behind() as hand_over:
        hand_over(fail)
        if not last:
            hand_over(lambda: done.append(1))
    assert done == []


def test_a_failure_behind_is_not_lost_when_the_caller_fails_too() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), behind() as hand_over:
        hand_over(fail)
        raise KeyboardInterrupt
