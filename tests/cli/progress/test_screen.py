"""What stands on a terminal while a network trains: curves, speed and time left, no line wider than the terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shgae.cli.progress.screen import ASCII, BLOCKS, Screen, sparkline
from tests.cli.conftest import Clock


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")


ROWS = [{"epoch": e, "lr": 1e-3, "train_loss": 1 / e, "val_loss": 2 / e, "val_pck": 0.1 * e} for e in range(1, 5)]


def seen(screen: Screen, width: int, encoding: str = "utf-8") -> list[str]:
    """The view as plain text."""
    console = Console(
        file=Terminal(encoding), width=width, force_terminal=True, color_system=None, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(screen.view())
    return captured.get().splitlines()


def training(width: int = 100, encoding: str = "utf-8", clock: Clock | None = None) -> tuple[Screen, Clock]:
    """In the middle of epoch 5 of 8, resumed after 4."""
    clock = clock or Clock()
    console = Console(file=Terminal(encoding), force_terminal=True, width=width, legacy_windows=False)
    screen = Screen(console, clock)
    screen.training(ROWS, of=8, best_epoch=3)
    screen.start("epoch 5/8", 12_000, "samples")
    clock.now += 60
    screen.advance(3_000, "loss 0.123  lr 0.001")
    return screen, clock


def test_curves_of_earlier_epochs_speed_and_both_times_are_seen() -> None:
    screen, _ = training()
    lines = seen(screen, 100)
    screen.close()
    assert lines[0].split() == ["train", "loss", "█▅▂▁", "0.25"]
    assert lines[2].split(maxsplit=4) == ["val", "PCK", "%", "▁▃▆█", "40  best 30 in epoch 3"]
    assert "3,000/12,000 samples  50/s  3 min 00 s left  loss 0.123  lr 0.001" in lines[3]
    assert lines[4].strip() == "15 min 00 s left in all without validation"


def test_the_curves_stay_between_epochs_and_go_with_the_last() -> None:
    screen, clock = training()
    screen.advance(9_000)
    screen.finish()
    screen.start("validation", 10, "people")
    assert any("PCK" in line for line in seen(screen, 100))
    screen.finish()
    screen.record({**ROWS[0], "epoch": 5, "val_pck": 0.6}, of=8, best=True)
    assert any("best 60 in epoch 5" in line for line in seen(screen, 100))
    clock.now += 1
    screen.record({**ROWS[0], "epoch": 8}, of=8, best=False)
    assert seen(screen, 100) == []
    screen.start("extract train", 10, "people")
    assert len(seen(screen, 100)) == 1
    screen.close()


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 200])
def test_no_terminal_is_too_narrow(width: int) -> None:
    screen, _ = training(width)
    lines = seen(screen, width)
    screen.close()
    assert len(lines) == 5
    assert max(map(len, lines)) <= width
    if width >= 60:
        assert "best 30 in epoch 3" in lines[2] and "3 min 00 s left" in lines[3]


def test_a_terminal_without_blocks_gets_letters() -> None:
    screen, _ = training(encoding="ascii")
    lines = seen(screen, 60, "ascii") + seen(screen, 100, "ascii")
    screen.close()
    assert "".join(lines).isascii()
    assert "_-+#" in lines[2]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
    st.integers(1, 60),
    st.sampled_from([BLOCKS, ASCII]),
)
def test_a_sparkline_fits_and_shows_its_ends(values: list[float], width: int, levels: str) -> None:
    line = sparkline(values, width, levels)
    assert len(line) == min(len(values), width)
    assert set(line) <= set(levels)
    if len(values) <= width and max(values) > min(values):
        assert line[values.index(min(values))] == levels[0]
        assert line[values.index(max(values))] == levels[-1]


def test_it_is_drawn_four_times_a_second_however_many_steps_there_are() -> None:
    clock = Clock()
    console = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)
    screen = Screen(console, clock)
    screen.start("extract train", 1000, "people")
    drawn = []
    for _ in range(1000):
        clock.now += 0.01
        screen.advance()
        drawn.append(console.file.getvalue().count("\x1b[2K"))  # type: ignore[attr-defined]
    screen.close()
    assert 38 <= drawn[-1] - drawn[0] <= 41
