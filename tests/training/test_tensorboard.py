"""TensorBoard gets the history, each epoch once, and a run is the same run with it or without."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.draft import Draft
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.stages import train
from shgae.training.tensorboard import FOLDER, check, files_of, scalars
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY

ROWS = [{"epoch": e, "train_loss": 1 / e, "val_pck": 0.1 * e} for e in (1, 2, 3)]


def drafted(folder: Path) -> Draft:
    """A training that was begun."""
    draft = Draft(folder / "run", "hourglass", {}, {}, Execution(), "cpu")
    draft.path.mkdir()
    return draft


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of every scalar, as TensorBoard reads them."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = reading.EventAccumulator(str(folder / FOLDER))
    accumulator.Reload()
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def test_a_run_that_goes_on_has_every_epoch_once(tmp_path: Path) -> None:
    draft = drafted(tmp_path)
    with scalars(draft, [], wanted=True) as write:
        write(ROWS[0])
        write({**ROWS[1], "train_loss": 99.0})  # an epoch that the checkpoint did not reach
    with scalars(draft, ROWS[:1], wanted=True) as write:
        write(ROWS[1])
        write(ROWS[2])
    assert events(draft.path)["train_loss"] == [(e, pytest.approx(1 / e)) for e in (1, 2, 3)]
    assert len(files_of(draft)) == 1


def test_what_is_not_wanted_leaves_nothing(tmp_path: Path) -> None:
    draft = drafted(tmp_path)
    with scalars(draft, [], wanted=True) as write:
        write(ROWS[0])
    with scalars(draft, ROWS[:1], wanted=False) as write:
        write(ROWS[1])
    assert not (draft.path / FOLDER).exists()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_file_of_the_users_there_stays_and_is_no_part_of_the_run(
    tiny_data: Path, tmp_path: Path, wanted: bool
) -> None:
    theirs = {"notes.txt": b"mine", "events.out.tfevents.1.elsewhere": b"of another run"}
    with pytest.raises(Interrupted):
        train.run(tiny_data, tmp_path / "run", TINY, Execution(stop=StopAfter(2), tensorboard=True))
    for name, content in theirs.items():
        (tmp_path / "run.partial" / FOLDER / name).write_bytes(content)
    made = train.run(tiny_data, tmp_path / "run", TINY, Execution(resume=True, tensorboard=wanted)).artifact
    assert {name: (made.path / FOLDER / name).read_bytes() for name in theirs} == theirs
    ours = [name for name in made.manifest.files if name.startswith(FOLDER)]
    assert len(ours) == wanted
    assert not set(ours) & {f"{FOLDER}/{name}" for name in theirs}


def test_without_the_extra_one_line_says_so_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "tensorboard" else find(name, *a))
    check(wanted=False)
    with pytest.raises(Refused, match="not installed"):
        train.run(tmp_path / "nowhere", tmp_path / "run", TINY, Execution(tensorboard=True))
    assert not list(tmp_path.iterdir())


def test_a_run_has_the_same_id_with_it_and_holds_its_history(tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    ids = {}
    for name, wanted in {"with": True, "without": False}.items():
        made = train.run(tiny_data, tmp_path / name, TINY, Execution(tensorboard=wanted)).artifact
        ids[name] = open_artifact(made.path).id
    assert ids["with"] == ids["without"]
    rows = list(read_rows(tmp_path / "with" / HISTORY))
    told = events(tmp_path / "with")
    assert told.keys() == rows[0].keys() - {"epoch"}
    for name, points in told.items():
        assert points == [(row["epoch"], pytest.approx(row[name], rel=1e-6)) for row in rows]
    assert not (tmp_path / "without" / FOLDER).exists()
