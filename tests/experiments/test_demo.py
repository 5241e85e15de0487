"""The demo runs the whole chain, goes on where it stopped, and spares folders that are not its own."""

from pathlib import Path

import pytest
from PIL import Image

from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments import demo


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


def test_resuming_a_finished_demo_keeps_every_artefact(made: demo.DemoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    names = ("data", "baseline", "activations", "autoencoder", "grafted", "finetuned", "evaluation")
    before = [open_artifact(made.output / name).id for name in names]
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
    with pytest.raises(Refused, match="is not a demo"):
        demo.run(tmp_path / "mine", Execution(force=True))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
