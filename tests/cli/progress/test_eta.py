"""Times are measured over what this run did, and a training's end counts validation as soon as it was timed."""

import pytest

from shgae.cli.progress.eta import WINDOW, Pace, Task
from tests.cli.conftest import Clock


def epoch(pace: Pace, clock: Clock, *, steps: float, rest: float, done: int = 0) -> None:
    task = Task("epoch", 100, "samples", done, clock)
    pace.start(task)
    clock.now += steps
    task.advance(100 - done)
    pace.finish()
    validation = Task("validation", 10, "people", 0, clock)
    pace.start(validation)
    clock.now += rest
    validation.advance(10)
    pace.finish()
    pace.record()


def test_a_speed_is_that_of_the_last_minutes(clock: Clock) -> None:
    task = Task("epoch", 100_000, "samples", 0, clock)
    for second in range(1, 801):
        clock.now += 1
        task.advance(100 if second <= 800 - WINDOW else 10)
    assert task.speed == pytest.approx(10, rel=0.02)
    assert task.left == pytest.approx((100_000 - task.done) / 10, rel=0.02)


def test_what_an_earlier_run_did_is_no_speed_of_this_one(clock: Clock) -> None:
    task = Task("epoch", 100, "samples", 80, clock)
    clock.now += 5
    assert task.speed is None and task.left is None
    clock.now += 5
    task.advance(10)
    assert task.speed == pytest.approx(1)
    assert task.left == pytest.approx(10)


def test_steps_that_take_longer_than_half_a_minute_have_a_time_left_too(clock: Clock) -> None:
    task = Task("epoch", 10, "samples", 0, clock)
    for _ in range(5):
        clock.now += 100
        task.advance(1)
    assert task.left == pytest.approx(500)


def test_the_rest_of_a_training_is_not_known_before_the_first_step(clock: Clock) -> None:
    pace = Pace(3, 0, clock)
    assert pace.left() is None and pace.sentence() == ""
    pace.start(Task("epoch", 100, "samples", 0, clock))
    clock.now += 5
    assert pace.left() is None


def test_before_the_first_validation_it_is_left_out_and_that_is_said(clock: Clock) -> None:
    pace = Pace(3, 0, clock)
    task = Task("epoch", 100, "samples", 0, clock)
    pace.start(task)
    clock.now += 10
    task.advance(50)
    assert pace.left() == (pytest.approx(10 + 2 * 20), False)
    assert pace.sentence() == "50 s left in all without validation"


def test_after_it_every_epoch_to_come_counts_both(clock: Clock) -> None:
    pace = Pace(4, 0, clock)
    epoch(pace, clock, steps=20, rest=5)
    assert pace.left() == (pytest.approx(3 * 25), True)
    assert pace.sentence() == "1 min 15 s left in all"


def test_within_a_validation_only_its_rest_counts(clock: Clock) -> None:
    pace = Pace(3, 0, clock)
    epoch(pace, clock, steps=20, rest=5)
    task = Task("epoch", 100, "samples", 0, clock)
    pace.start(task)
    clock.now += 20
    task.advance(100)
    pace.finish()
    clock.now += 2
    assert pace.left() == (pytest.approx(3 + 25), True)
    clock.now += 60
    assert pace.left() == (pytest.approx(25), True), "a slow validation takes no time back"


def test_an_epoch_that_an_earlier_run_began_is_timed_as_a_whole_one(clock: Clock) -> None:
    pace = Pace(3, 1, clock)
    epoch(pace, clock, steps=5, rest=2, done=75)
    assert pace.left() == (pytest.approx(22), True)


def test_at_the_end_there_is_nothing_left_to_say(clock: Clock) -> None:
    pace = Pace(1, 0, clock)
    epoch(pace, clock, steps=5, rest=2)
    assert pace.sentence() == ""
