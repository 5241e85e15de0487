"""A study says how long it still takes, by what its own parts took."""

from __future__ import annotations

from pathlib import Path

from shgae.experiments.part import Part
from shgae.experiments.study.work import time_left


def parts(here: Path, *steps: str) -> list[Part]:
    return [
        Part(step, step, here / f"{place}", "hourglass", {}, {}, print)  # type: ignore[arg-type]
        for place, step in enumerate(steps)
    ]


def test_the_time_left_is_that_of_the_missing_parts_by_the_last_of_their_step(tmp_path: Path) -> None:
    missing = parts(tmp_path, "finetune", "score", "finetune")
    assert time_left(missing, {}) == ""
    assert time_left(missing, {"finetune": 60.0}) == ", at least 2 min 00 s left in all"
    assert time_left(missing, {"finetune": 60.0, "score": 5.0}) == ", about 2 min 05 s left in all"
    (tmp_path / "0").mkdir()
    assert time_left(missing, {"finetune": 60.0, "score": 5.0}) == ", about 1 min 05 s left in all"
