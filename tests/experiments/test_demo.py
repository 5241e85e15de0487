"""The demo runs the whole chain, goes on where it stopped, and spares folders that are not its own."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments import demo
from tests.builders.artefacts import make

STEPS = ("data", "baseline", "activations", "autoencoder", "grafted", "finetuned")
SEEDED = ("data", "baseline", "autoencoder", "finetuned")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoResult:
    """A demo of a few photos and one epoch each, with the real bottleneck."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return demo.run(tmp_path_factory.mktemp("demo") / "out", Execution())


def shorten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(demo, "_PHOTOS", {"train": 3, "val": 2, "test": 3})
    patch.setattr(demo, "_EPOCHS", {"baseline": 1, "autoencoder": 1, "finetuned": 1})
    patch.setattr(demo, "_SHOWN", 2)


def test_it_ends_with_a_table_and_pictures_and_the_real_bottleneck(made: demo.DemoResult) -> None:
    report = made.evaluation.report
    assert [model.name for model in report.models] == ["baseline", "grafted", "finetuned"]
    assert report.floors[0].name == "mean pose"
    assert open_artifact(made.output / "activations").facts["shape"] == [256, 4, 4]
    assert open_artifact(made.output / "autoencoder").facts["spec"]["code_size"] == 50
    assert all(Image.open(picture).width > 300 for picture in made.pictures)


@pytest.mark.usefixtures("sketched")
def test_resuming_a_finished_demo_keeps_every_artefact(made: demo.DemoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    names = ("data", "baseline", "activations", "autoencoder", "grafted", "finetuned", "evaluation")
    before = [open_artifact(made.output / name).id for name in names]
    with torch.device("meta"):
        demo.run(made.output, Execution(resume=True))
    assert [open_artifact(made.output / name).id for name in names] == before


def test_resuming_with_another_seed_is_refused(made: demo.DemoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    with pytest.raises(Refused, match="seed: 1 here, 0 there"):
        demo.run(made.output, Execution(resume=True), seed=1)


def test_a_demo_that_is_there_is_not_run_over(made: demo.DemoResult) -> None:
    with pytest.raises(Refused, match="it exists already"):
        demo.run(made.output, Execution())


def test_a_folder_that_is_no_demo_is_spared_even_by_force(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="not a demo"):
        demo.run(tmp_path / "mine", Execution(force=True))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_taken_and_one_in_which_the_note_was_torn(tmp_path: Path) -> None:
    for name in ("mine", "torn"):
        (tmp_path / name).mkdir()
    (tmp_path / "torn" / f".demo.json.{2**22 + 1}.tmp").write_text("{")  # no such process
    for how in (Execution(), Execution(resume=True), Execution(force=True)):
        for name in ("mine", "torn"):
            folder = shutil.copytree(tmp_path / name, tmp_path / "a" / f"{name}-{how.resume}-{how.force}")
            assert not demo._begin(folder, how, 0), "there is nothing to replace"
            assert [path.name for path in folder.iterdir()] == ["demo.json"]


def test_a_damaged_note_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(Refused, match="JSON") as caught:
        demo._begin(tmp_path, Execution(resume=True), 0)
    assert caught.value.fix.startswith("--force ")
    assert demo._begin(tmp_path, Execution(force=True), 0)
    assert demo._begin(tmp_path, Execution(resume=True), 0)


@pytest.mark.usefixtures("sketched")
def test_a_demo_that_force_began_again_and_that_was_killed_goes_on_with_its_own_seed(
    made: demo.DemoResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    output = tmp_path / "out"
    shutil.copytree(made.output, output)
    before = {name: open_artifact(output / name).id for name in STEPS}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(demo.train, "run", stop)  # seed 1's data is there, and what comes after it is seed 0's
        demo.run(output, Execution(force=True), seed=1)
    with pytest.raises(Refused, match="seed"):
        demo.run(output, Execution(resume=True), seed=0)
    demo.run(output, Execution(resume=True), seed=1)
    after = {name: open_artifact(output / name) for name in STEPS}
    assert all(after[name].id != before[name] for name in STEPS)
    assert [after[name].manifest.config["seed"] for name in SEEDED] == [1] * len(SEEDED)
    assert {one.parent("data").id for one in (after["baseline"], after["activations"])} == {after["data"].id}  # type: ignore[union-attr]


def test_photos_of_another_seed_are_drawn_again(made: demo.DemoResult, tmp_path: Path) -> None:
    annotations = made.output / "photos" / "train" / "person_keypoints.json"
    assert demo._is_drawn(annotations, demo.SyntheticConfig(3, seed=0))
    assert not demo._is_drawn(annotations, demo.SyntheticConfig(3, seed=3))
    assert not demo._is_drawn(annotations, demo.SyntheticConfig(4, seed=0))
    assert not demo._is_drawn(tmp_path / "none.json", demo.SyntheticConfig(3, seed=0))


@pytest.mark.usefixtures("sketched")
def test_a_step_of_somebody_else_is_spared_by_a_resume(
    made: demo.DemoResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    output = tmp_path / "out"
    shutil.copytree(made.output, output)
    make(output / "mine", "hourglass")
    shutil.rmtree(output / "baseline")
    (output / "mine").rename(output / "baseline")
    with pytest.raises(Refused, match="another one"):
        demo.run(output, Execution(resume=True))
