"""What the statistics hold in simulation: the tables of docs/statistics.md.

``python -m tests.simulations PAGE`` (``make simulations``) simulates evaluations and studies of a known truth, through
the functions that shgae itself uses (:mod:`tests.builders.simulated`), and puts the tables between the two marks of a
page. Smaller runs of the same are tests (tests/metrics/test_power.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy import stats
from tabulate import tabulate

from shgae.metrics.power import planned_power
from shgae.metrics.statistics import VERDICT_PHOTOS
from tests.builders.looks import levels
from tests.builders.simulated import SD_BOTH, SD_PHOTOS, SD_SEEDS, Studied, evaluated, studied, true_error
from tests.promises import put_into

MARKS = ("<!-- simulations: make simulations -->", "<!-- end of simulations -->")
PHOTOS, SEEDS = (2, 5, 10, 20, 50, 150, 500), (2, 3, 5, 10)
TRIALS, _STUDIES = 1000, 3
"""Trials of a row of evaluations; so many times as many studies."""
LOOKS = (3, 4, 5, 6, 7, 8, 9, 10)


def tables(trials: int = TRIALS) -> str:
    """Everything between the marks."""
    return "\n".join(_lines(trials))


def _lines(trials: int) -> Iterator[str]:
    yield f"Two equal models on one to three people a photo, % of {trials:,} trials. An interval should hold the truth"
    yield "in 95 %, and exclude 0 in 5 %; it is the score interval for a PCK of 97 % and under 500 photos."
    yield ""
    yield from _evaluations(trials)
    yield ""
    yield f"Studies of five arms, % of {_STUDIES * trials:,} studies. A difference varies by {100 * SD_SEEDS:g} points"
    yield f"over seeds, {100 * SD_PHOTOS:g} over photos, and {100 * SD_BOTH:g} over both together (standard"
    yield "deviations). SE is the true standard error. Of 5 photos there is an interval and no verdict, so nothing is"
    yield "planned."
    found = {(seeds, photos): studied(seeds, photos, _STUDIES * trials) for seeds in SEEDS for photos in PHOTOS[1:]}

    def table(title: str, cell: Callable[[int, int, Studied], str]) -> Iterator[str]:
        rows = [
            [f"{seeds} seeds", *(cell(seeds, photos, found[seeds, photos]) for photos in PHOTOS[1:])] for seeds in SEEDS
        ]
        yield ""
        yield _drawn([title, *(f"{photos} photos" for photos in PHOTOS[1:])], rows)

    yield from table("equal arms: different", lambda _seeds, _photos, one: _percent(one.differ))
    yield from table("true gain of the margin: inside it", lambda _seeds, _photos, one: _percent(one.equivalent))

    def power(seeds: int, photos: int, one: Studied) -> str:
        return f"{_percent(one.found, 0)} ({_planned(seeds, photos)[0]})"

    def within(seeds: int, photos: int, one: Studied) -> str:
        return f"{_percent(one.within, 0)} ({_planned(seeds, photos)[1]})"

    yield from table("true gain of 2.8 SE: found (planned)", power)
    yield from table("equal arms: inside a margin of 4 SE (planned)", within)
    yield ""
    noisy = [_percent(studied(seeds, 150, _STUDIES * trials, noisier=2.0).differ) for seeds in SEEDS]
    yield "If runs of the two arms vary twice as much as those of the others, equal arms differ in"
    yield f"{', '.join(noisy)} % ({', '.join(map(str, SEEDS))} seeds, 150 photos)."
    yield ""
    each, spending = _looks(20 * trials)
    yield f"A look at each of 3 to 10 seeds finds equal arms different in {_percent(each)} % at 5 % a look, and in"
    yield f"{_percent(spending)} % with alpha spending ({20 * trials:,} studies)."


def _evaluations(trials: int) -> Iterator[str]:
    middle, high = ([evaluated(photos, pck, trials) for photos in PHOTOS] for pck in (0.7, 0.97))
    rows = [
        ["PCK 70 %: interval holds the truth", *(_percent(one.held) for one in middle)],
        ["PCK 97 %: interval holds the truth", *(_percent(one.held) for one in high)],
        ["PCK 70 %: interval of the difference excludes 0", *(_percent(one.differ) for one in middle)],
        ["PCK 97 %: interval of the difference excludes 0", *(_percent(one.differ) for one in high)],
        ["PCK 70 %: verdict better or worse", *(_percent(one.verdict) for one in middle)],
    ]
    yield _drawn(["", *(f"{photos} photos" for photos in PHOTOS)], rows)


def _planned(seeds: int, photos: int) -> tuple[str, str]:
    if photos < VERDICT_PHOTOS:
        return "-", "-"
    error = true_error(seeds, photos)
    plan = partial(planned_power, seeds=seeds, photos=photos, sd_seeds=SD_SEEDS, sd_photos=SD_PHOTOS, sd_both=SD_BOTH)
    gain, equal = (plan(gain, 4 * error) for gain in (2.8 * error, 0.0))
    return _percent(gain.differs, 0), _percent(equal.within_margin, 0)


def _looks(trials: int) -> tuple[float, float]:
    """False positives over all looks: at 5 % each, and at the levels of spending; the plan is the last one."""
    runs = np.random.default_rng(0).normal(0, 1, (trials, LOOKS[-1]))
    found = []
    for each in ([0.05] * len(LOOKS), levels(LOOKS[-1], LOOKS)):
        differs = np.zeros(trials, bool)
        for seeds, level in zip(LOOKS, each, strict=True):
            some = runs[:, :seeds]
            t = some.mean(1) / some.std(1, ddof=1) * math.sqrt(seeds)
            differs |= np.abs(t) > stats.t.isf(level / 2, seeds - 1)
        found.append(float(differs.mean()))
    return found[0], found[1]


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


def _drawn(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    sides = ["left", *["right"] * (len(headings) - 1)]
    return str(tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=sides))


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(put_into(page.read_text(encoding="utf-8"), tables(), MARKS), encoding="utf-8")
