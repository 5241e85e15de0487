"""Progress on a terminal: a bar with speed and time left, and above it the curves of the training so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from shgae.cli.progress.eta import Task
from shgae.cli.progress.tracked import NAMES, SCALES, SCORES, Tracked, epoch_line
from shgae.errors import printable
from shgae.wording import duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

BLOCKS, ASCII = "▁▂▃▄▅▆▇█", "_.-:=+*#"
"""Heights of a sparkline, where the terminal can show them and where not."""
_WIDEST, _NARROWEST = 40, 8
_ROOM_FOR_BAR = 80
_EVERY = 0.25
"""Seconds between two drawings."""


def sparkline(values: Sequence[float], width: int, levels: str = BLOCKS) -> str:
    """Values as a row of characters between their lowest and highest; neighbours are averaged to fit the width."""
    if len(values) > width:
        edges = [place * len(values) // width for place in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in zip(edges, edges[1:], strict=False)]
    low, high = min(values), max(values)
    if high == low:
        return levels[len(levels) // 2] * len(values)
    return "".join(levels[min(int((one - low) / (high - low) * len(levels)), len(levels) - 1)] for one in values)


class Screen(Tracked):
    """Progress for a terminal; what it draws is gone when the task is, the lines of notes and epochs stay."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console
        self._live: Live | None = None
        self._rows: list[Mapping[str, Any]] = []
        self._best_epoch = 0
        self._drawn_at = 0.0

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:
        super().training(rows, of=of, best_epoch=best_epoch)
        self._rows, self._best_epoch = list(rows), best_epoch

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        from rich.live import Live

        super().start(what, total, unit, done)
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self.view,
                transient=True,
                auto_refresh=False,  # by advance(): what it draws is then at rest
                redirect_stdout=False,
                vertical_overflow="crop",
            )
            with suppress(OSError):
                self._live.start()
        self._refresh()

    def advance(self, amount: int = 1, facts: str = "") -> None:
        if self._task:
            self._task.advance(amount, facts)
            if self._clock() - self._drawn_at >= _EVERY:
                self._refresh()

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`; between the tasks of a training the curves stay."""
        goes_on = self._pace and self._task
        super().finish()
        if goes_on:
            self._refresh()
        else:
            self.close()

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        self._rows.append(row)
        self._best_epoch = row["epoch"] if best else self._best_epoch
        self.note(epoch_line(row, of, best))
        super().record(row, of=of, best=best)
        if row["epoch"] >= of:
            self._rows = []
            self.close()

    def close(self) -> None:
        """Takes everything away and gives the terminal back its cursor."""
        if self._live:
            with suppress(OSError):
                self._live.stop()
            self._live = None
        super().close()

    def _say(self, line: str) -> None:
        with suppress(OSError):  # a terminal that was closed is not a reason to end a training
            self._console.print(Text(printable(line)), soft_wrap=True)  # above the bar

    def _refresh(self) -> None:
        self._drawn_at = self._clock()
        if self._live:
            with suppress(OSError):
                self._live.refresh()

    def view(self) -> RenderableType:
        """What stands on the terminal now, no line of it wider than that."""
        from rich.console import Group

        lines = self._curves() if self._pace else []
        if self._task:
            lines.append(self._bar(self._task))
        if self._pace and (left := self._pace.sentence()):
            lines.append(_line(left))
        return Group(*lines)

    def _curves(self) -> list[RenderableType]:
        """Losses and score of the epochs so far, a line each; losses and FVU in logarithms."""
        if not self._rows:
            return []
        levels = BLOCKS if self._console.encoding.lower().startswith("utf") else ASCII
        width = max(min(_WIDEST, self._console.width - 46), _NARROWEST)
        lines: list[RenderableType] = []
        for key, name in NAMES.items():
            if key not in self._rows[0]:
                continue
            values = [SCALES.get(key, 1.0) * float(row[key]) for row in self._rows]
            # What falls by factors would be flat after its first epochs.
            is_falling = key != "val_pck" and min(values) > 0
            shown = [math.log(value) for value in values] if is_falling else values
            text = f"{name:<10} {sparkline(shown, width, levels)} {values[-1]:.4g}"
            best = [one for row, one in zip(self._rows, values, strict=True) if row["epoch"] == self._best_epoch]
            if key in SCORES and best:
                text += f"  best {best[0]:.4g} in epoch {self._best_epoch}"
            lines.append(_line(text))
        return lines

    def _bar(self, task: Task) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        speed, left = task.speed, task.left
        said = [f"{task.done:,}/{task.total:,} {task.unit}"]
        if speed is not None:
            said.append(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s")
        if left:
            said.append(f"{duration(left)} left")
        text = "  ".join([*said, task.facts]).rstrip()
        if self._console.width < _ROOM_FOR_BAR:
            return _line(f"{task.what}  {text}")
        grid = Table.grid(padding=(0, 1))
        for _ in range(3):
            grid.add_column(no_wrap=True, overflow="crop")
        grid.add_row(
            _line(task.what), ProgressBar(total=max(task.total, 1), completed=task.done, width=20), _line(text)
        )
        return grid


def _line(text: str) -> Text:
    # Cut without an ellipsis, which not every terminal has.
    return Text(printable(text), no_wrap=True, overflow="crop")
