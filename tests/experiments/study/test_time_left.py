"""A study says how long it still takes, by what its own parts took."""

from __future__ import annotations

from pathlib import Path

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.draft import new_artifact
from shgae.execution import Execution
from shgae.experiments.part import Part
from shgae.experiments.study.work import time_left, took_before


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


def test_times_that_no_epoch_takes_are_not_counted(tmp_path: Path) -> None:
    (made,) = parts(tmp_path, "finetune")
    with new_artifact(made.path, kind="hourglass", config={}, parents={}, execution=Execution()) as draft:
        times = ("2.5", "1", '"3"', "NaN", "1e999", "-4", "null", "[]", f"1{'0' * 400}")
        rows = "".join(f'{{"seconds": {time}}}\n' for time in times) + "{}\n"
        draft.file(HISTORY).write_text(rows)
        draft.commit({}, volatile=(HISTORY,))
    assert took_before([made]) == {"finetune": 3.5}
