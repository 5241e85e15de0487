from __future__ import annotations

import errno
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from shgae.cli.command import Outcome
from shgae.cli.console import drawn, show
from shgae.cli.progress.lines import Lines
from shgae.cli.progress.screen import Screen
from shgae.cli.table_layout import FittedTable
from shgae.cli.tables import facts_table, lineage_tree
from shgae.errors import DiskError
from shgae.execution import Progress
from shgae.reporting.table import Grid
from shgae.wording import duration
from tests.cli.conftest import Clock


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_short_task_says_nothing(stream: io.StringIO, clock: Clock) -> None:
    lines = Lines(stream, clock)
    lines.start("epoch 1/2", 10, "samples")
    clock.now += 9
    lines.advance(10, "loss 1")
    lines.finish()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("times", [5, 6])
def test_a_long_task_speaks_soon_then_every_ten_seconds_and_its_last_line_comes_once(
    stream: io.StringIO, clock: Clock, times: int
) -> None:
    lines = Lines(stream, clock)
    lines.start("extract train", times * 1000, "people")
    for _ in range(times):
        clock.now += 5
        lines.advance(1000, "loss 0.5")
    lines.finish()
    assert stream.getvalue().splitlines() == [
        f"extract train: 1,000/{times},000 people, {5 * times - 5} s left  loss 0.5",
        f"extract train: 3,000/{times},000 people, {5 * times - 15} s left  loss 0.5",
        *(["extract train: 5,000/6,000 people, 5 s left  loss 0.5"] if times == 6 else []),
        f"extract train: {times},000/{times},000 people  loss 0.5",
    ]


def test_what_an_earlier_run_did_does_not_count_as_speed(stream: io.StringIO, clock: Clock) -> None:
    lines = Lines(stream, clock)
    lines.start("epoch 1/1", 100, "samples", done=80)
    clock.now += 10
    lines.advance(10)
    assert stream.getvalue() == "epoch 1/1: 90/100 samples, 10 s left\n"


def test_a_stream_that_breaks_does_not_end_the_work(clock: Clock) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    lines = Lines(Broken(), clock)
    lines.note("once")
    lines.note("twice")


def test_advance_without_a_task_is_harmless(stream: io.StringIO) -> None:
    lines = Lines(stream)
    lines.advance()
    lines.finish()
    assert stream.getvalue() == ""


def test_a_pipe_gets_lines_and_quiet_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with drawn(quiet=False) as progress:
        assert isinstance(progress, Lines)
        progress.note("a note")
    with drawn(quiet=True) as progress:
        assert type(progress) is Progress
        progress.note("a note")
    assert capsys.readouterr() == ("", "a note\n")


@pytest.mark.parametrize("columns", ["0", "5", "39", "-3", "many", "", "40", "60", None])
def test_a_table_loses_nothing_where_columns_say_too_little(columns: str | None, monkeypatch, capsys) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    value = "train 4, val 4 and words " + 6 * "that take a second line "
    show(Outcome({}, [facts_table({"splits": value})]), as_json=False, quiet=False)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(lines).split()) == f"splits {value}".strip()
    assert max(map(len, lines)) <= (int(columns) if columns in ("40", "60") else 160)
    assert len(lines) == {"40": 6, "60": 4}.get(str(columns), 2)


class Full(io.StringIO):
    """Standard output on a full disk, which tells as the text is written or at the end of all."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def write(self, text: str) -> int:
        return self._fail() if self._at == "write" else len(text)

    def flush(self) -> None:
        if self._at == "flush":
            self._fail()

    def _fail(self) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", ["write", "flush"])
@pytest.mark.parametrize("as_json", [True, False])
def test_standard_output_without_room_is_named(at: str, as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Full(at))
    with pytest.raises(
        DiskError, match=r"disk or I/O in standard output: No space left on device\. Try: another place"
    ):
        show(Outcome({"a": 1}, [facts_table({"a": 1})]), as_json=as_json, quiet=False)


def test_a_terminal_that_is_too_narrow_gets_tables_of_forty_columns(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "5")
    monkeypatch.setenv("NO_COLOR", "1")
    show(Outcome({}, [facts_table({"splits": 9 * "train, "})]), as_json=False, quiet=False)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines).count("train") == 9 and 30 < max(map(len, lines)) <= 40


def terminal(stream: io.StringIO) -> Console:
    return Console(file=stream, force_terminal=True, width=100, markup=False, highlight=False, legacy_windows=False)


def test_a_terminal_gets_a_bar_with_facts_and_its_cursor_back(stream: io.StringIO) -> None:
    bar = Screen(terminal(stream))
    bar.start("epoch 1/2 [x]", 1000, "samples")
    bar.advance(250, "loss 0.5")
    bar.advance(250)
    bar._live.refresh()
    bar.note("epoch [1] is done")
    bar.close()
    text = stream.getvalue()
    assert "epoch 1/2 [x]" in text
    assert "500/1,000 samples" in text
    assert "loss 0.5" in text
    assert "epoch [1] is done" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_no_color_is_honoured(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    bar = Screen(terminal(stream))
    bar.start("epoch", 10, "samples")
    bar.advance(5)
    bar._live.refresh()
    bar.close()
    assert "epoch" in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue(), "a colour"


def test_a_second_task_replaces_the_first(stream: io.StringIO) -> None:
    bar = Screen(terminal(stream))
    bar.start("first", 1, "x")
    bar.start("second", 0, "x")
    bar.finish()
    bar.finish()
    assert "second" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3600, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_name_with_control_characters_cannot_colour_or_break_what_is_said(stream: io.StringIO, clock: Clock) -> None:
    name = "x\033[31mRED\nz.jpg"
    Lines(stream, clock).note(f"bad photo {name}")
    Screen(Console(file=stream, force_terminal=False)).note(f"bad photo {name}")
    assert stream.getvalue() == 2 * "bad photo x [31mRED z.jpg\n"


def test_an_epochs_line_says_how_long_the_training_still_takes(stream: io.StringIO, clock: Clock) -> None:
    lines = Lines(stream, clock)
    lines.training([{"epoch": 1}], of=3, best_epoch=1)
    for epoch in (2, 3):
        lines.start(f"epoch {epoch}/3", 100, "samples")
        clock.now += 9
        lines.advance(100)
        lines.finish()
        clock.now += 3  # validation
        lines.record({"epoch": epoch, "val_pck": 0.5}, of=3, best=epoch == 2)
    assert stream.getvalue().splitlines() == [
        "epoch 2/3  val PCK % 50  best  12 s left in all",
        "epoch 3/3  val PCK % 50",
    ]


TROUBLE = st.sampled_from("\x1b\x07\x9b\u202e\u2028\n\r\t[31m日")
NAMES = st.text(st.one_of(TROUBLE, st.characters()), min_size=1, max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_no_name_reaches_a_terminal_as_more_than_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ancestor = {"depth": 0, "role": name, "kind": name, "id": name, "path": "x", "present": False}
    grid = FittedTable(Grid(name, (name, name), ((name, name),), name))
    tables = [facts_table({name: name, "list": [name]}, name), grid, Text(name), name, lineage_tree([ancestor])]
    made = {"kind": name, "id": name, "output": name}
    show(Outcome(made, tables, name), as_json=False, quiet=False)
    shown = capsys.readouterr().out
    assert all(one.isprintable() or one == "\n" for one in shown)
    shown.encode()
