"""Figures of whatever is given: trainings, finished or at work, and reports."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import PLAN
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import append_row, read_rows
from shgae.cli.app import main
from shgae.errors import Refused
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_registration import StudyPlan, plan_bytes
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.metrics.pckh import Curve
from shgae.plots.style import looks_of
from shgae.reporting import plot_inputs
from shgae.reporting.page import sections, training
from shgae.reporting.page.images import Picture
from shgae.reporting.page.inputs import open_given
from shgae.reporting.plot_inputs import read_inputs
from shgae.stages import plot
from tests.builders.findings import analysis_report
from tests.builders.plans import KEPT, PLANNED
from tests.builders.reports import evaluation, interval, scored, study

EPOCHS = 9


def row(epoch: int, score: str) -> dict[str, Any]:
    return {"epoch": epoch, "lr": 1e-3, "train_loss": 1 / epoch, "val_loss": 2 / epoch, score: epoch / 99}


def trained(path: Path, kind: str = "hourglass", epochs: int = EPOCHS, *, commit: bool = True) -> Path:
    """A training as its history tells it."""
    try:
        with new_artifact(path, kind=kind, config={}, parents={}, execution=Execution(), resumable=True) as made:
            for epoch in range(1, epochs + 1):
                append_row(made.file(HISTORY), row(epoch, "val_pck" if kind == "hourglass" else "val_fvu"))
            if not commit:
                made.write_json("rest.json", {})
                raise KeyboardInterrupt
            made.commit({"of": path.name}, volatile=(HISTORY,))
    except KeyboardInterrupt:
        return path.with_name(f"{path.name}.partial")
    return path


def reported(path: Path, kind: str, report: dict[str, Any], plan: StudyPlan | None = None) -> Path:
    with new_artifact(path, kind=kind, config={}, parents={}, execution=Execution()) as made:
        made.write_json("report.json", report)
        if plan:
            made.write(PLAN, plan_bytes(plan))
        made.commit({})
    return path


def test_every_figure_is_a_png_an_svg_and_a_pdf_and_names_its_command_unless_told_not_to(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    made = plot.run([run], tmp_path / "plain", Execution(stamp=False)).artifact
    assert {Path(name).suffix for name in made.manifest.files} == {".png", ".svg", ".pdf"}
    plot.run([run], tmp_path / "stamped", Execution())
    foot = {
        name: np.asarray(Image.open(tmp_path / name / "learning-rate.png").convert("L"))[-14:].min()
        for name in ("plain", "stamped")
    }
    assert foot["plain"] == 255 and foot["stamped"] < 200


def evaluated() -> dict[str, Any]:
    return EVALUATION.to_json(evaluation(scored("m", {"nose": 0.3}, sure=interval(0.1, 0.5))))


def test_networks_and_autoencoders_have_figures_of_their_own_in_every_format(tmp_path: Path) -> None:
    runs = [trained(tmp_path / "net"), trained(tmp_path / "other"), trained(tmp_path / "ae", "autoencoder")]
    result = plot.run([*runs, reported(tmp_path / "e", "evaluation", evaluated())], tmp_path / "out", Execution())
    names = ["curves-fvu", "curves-pck", "joints", "learning-rate"]
    assert sorted(result.to_json()["figures"]) == names
    assert result.to_json()["files"] == [f"{name}.{suffix}" for name in names for suffix in ("pdf", "png", "svg")]
    made = open_artifact(tmp_path / "out", "figures")
    assert {parent.role: parent.id for parent in made.manifest.parents} == {
        f"run {path.name}": open_artifact(path).id for path in (*runs, tmp_path / "e")
    }


def colours_of(figure: Figure) -> Iterator[tuple[str, str]]:
    """Names and colours of its legends."""
    for legend in figure.legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            colour = handle.get_color() if isinstance(handle, Line2D) else handle.get_facecolor()  # type: ignore
            yield text.get_text(), to_hex(colour)


def test_a_model_has_one_colour_in_all_figures_of_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [trained(tmp_path / "net"), trained(tmp_path / "ae", "autoencoder"), trained(tmp_path / "tuned")]
    models = [scored(name, {"nose": 0.3}, sure=interval(0.1, 0.5)) for name in ("control", "tuned", "net")]
    report = EVALUATION.to_json(evaluation(*models))
    found: dict[str, set[str]] = {}

    def look(figure: Figure, paths: Sequence[Path], _command: str) -> None:
        for name, colour in colours_of(figure):
            found.setdefault(name, set()).add(colour)
        for path in paths:
            path.write_bytes(b"a figure")

    monkeypatch.setattr(plot, "save_figure", look)
    plot.run([*runs, reported(tmp_path / "e", "evaluation", report)], tmp_path / "out", Execution())
    assert found.keys() == {"net", "ae", "tuned", "control"}
    assert [len(colours) for colours in found.values()] == [1] * 4
    assert len(set.union(*found.values())) == 4


def test_a_model_has_one_colour_in_all_figures_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, set[str]] = {}

    def look(figure: Figure, alt: str) -> Picture:
        for name, colour in colours_of(figure):
            found.setdefault(name, set()).add(colour)
        return Picture(b"", "image/png", 1, 1, alt)

    for module in (sections, training):
        monkeypatch.setattr(module, "of_figure", look)
    runs = [trained(tmp_path / "net"), trained(tmp_path / "tuned")]
    models = [scored(name, {"nose": 0.3}, sure=interval(0.1, 0.5)) for name in ("control", "tuned", "net")]
    report = EVALUATION.to_json(evaluation(*models))
    given = open_given([*runs, reported(tmp_path / "e", "evaluation", report)], Execution())
    sections.sections_of(given)
    training.training_section(given)
    assert found.keys() == {"net", "tuned", "control"}
    assert sorted(map(len, found.values())) == [1, 1, 1]
    assert len(set.union(*found.values())) == 3


def test_of_more_names_than_colours_each_figure_has_its_own() -> None:
    assert looks_of("abcdefg") == dict(zip("abcdefg", range(7), strict=True))
    assert looks_of("abcdefgh") == {}


def test_an_evaluation_with_curves_has_a_figure_of_them_too(tmp_path: Path) -> None:
    curve = Curve((0.0, 0.25, 0.5), (0.0, 0.2, 0.4), 0.2)
    row = dataclasses.replace(scored("m", {"nose": 0.3}, sure=interval(0.1, 0.5)), curves={"pckh": curve})
    report = EVALUATION.to_json(evaluation(row))
    result = plot.run([reported(tmp_path / "e", "evaluation", report)], tmp_path / "out", Execution())
    assert sorted(result.to_json()["figures"]) == ["joints", "radii"]


@pytest.mark.usefixtures("undrawn")
def test_reports_of_which_the_names_differ_by_letters_that_no_file_gets_have_figures_each(tmp_path: Path) -> None:
    names = ("e 1", "e-1", "e_1", "один", "два", "-")
    given = [reported(tmp_path / name, "evaluation", evaluated()) for name in names]
    result = plot.run(given, tmp_path / "out", Execution())
    wanted = ["joints-e-1", "joints-e-1-2", "joints-e_1", "joints--", "joints---2", "joints---3"]
    assert result.to_json()["figures"] == wanted


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("epochs", "first", "begins"), [(9, None, 4), (5, None, None), (9, 7, 7), (9, 1, None)])
def test_the_second_column_begins_where_it_is_told_or_with_the_last_two_thirds(
    tmp_path: Path, epochs: int, first: int | None, begins: int | None
) -> None:
    result = plot.run([trained(tmp_path / "net", epochs=epochs)], tmp_path / "out", Execution(), first)
    assert result.artifact.facts["from_epoch"] == {"PCK": begins}


@pytest.mark.usefixtures("undrawn")
def test_a_training_at_work_is_drawn_as_far_as_it_is_and_is_no_parent(tmp_path: Path) -> None:
    partial = trained(tmp_path / "net", commit=False)
    with (partial / HISTORY).open("a") as file:
        file.write('{"epoch": 10, "lr')  # at this moment
    for given in (partial, tmp_path / "net"):
        result = plot.run([given], tmp_path / "out", Execution(force=True))
        ((name, told),) = result.artifact.facts["unfinished"].items()
        assert name == "net.partial" and told["epochs"] == EPOCHS and "not a parent" in told["note"]
        assert not result.artifact.manifest.parents
    before = result.artifact.id
    (partial / HISTORY).write_text(
        "".join(json.dumps(one) + "\n" for one in [*read_rows_of(partial), row(10, "val_pck")])
    )
    assert plot.run([partial], tmp_path / "later", Execution()).artifact.id != before


def read_rows_of(partial: Path) -> list[dict[str, Any]]:
    whole = partial / "whole.jsonl"
    whole.write_bytes((partial / HISTORY).read_bytes().rpartition(b"\n")[0] + b"\n")
    return list(read_rows(whole))


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    runs = [trained(tmp_path / seed / "arm" / "finetuned") for seed in ("seed-0", "seed-1")]
    found = read_inputs([*runs, trained(tmp_path / "base")])
    assert [*found.histories] == ["seed-0/arm/finetuned", "seed-1/arm/finetuned", "base"]


def test_a_study_is_meant_by_its_folder_too(tmp_path: Path) -> None:
    report = dataclasses.replace(study(), registered=KEPT)
    reported(tmp_path / "study" / "report", "study", STUDY.to_json(report), PLANNED)
    assert plot.run([tmp_path / "study"], tmp_path / "out", Execution()).artifact.facts["figures"] == ["differences"]


def test_a_study_is_named_after_its_folder_next_to_a_comparison(tmp_path: Path) -> None:
    report = dataclasses.replace(study(), registered=KEPT)
    reported(tmp_path / "study" / "report", "study", STUDY.to_json(report), PLANNED)
    reported(tmp_path / "comparison", "study", STUDY.to_json(dataclasses.replace(study(), budget=None)))
    facts = plot.run([tmp_path / "comparison", tmp_path / "study"], tmp_path / "out", Execution()).artifact.facts
    assert facts["figures"] == ["differences-comparison", "differences-study"]


def test_a_study_without_its_plan_is_not_drawn(tmp_path: Path) -> None:
    other = dataclasses.replace(study(), registered=dataclasses.replace(KEPT, sha256="0" * 64))
    kept = dataclasses.replace(study(), registered=KEPT)
    for name, report, plan in (("none", study(), None), ("gone", kept, None), ("other", other, PLANNED)):
        path = reported(tmp_path / name, "study", STUDY.to_json(report), plan)
        with pytest.raises(Refused, match="no plan|nothing was registered|of plan 0000"):
            plot.run([path], tmp_path / "out", Execution())


def test_what_cannot_be_drawn_is_refused_with_a_reason(tmp_path: Path) -> None:
    net = trained(tmp_path / "net")
    empty = trained(tmp_path / "empty", epochs=0, commit=False)
    imported = reported(tmp_path / "imported", "hourglass", {})
    torn_report = reported(tmp_path / "other", "evaluation", evaluated() | {"persons": "many"})
    later = reported(tmp_path / "later", "study", {"schema": 99})
    broken = trained(tmp_path / "broken")
    torn = trained(tmp_path / "torn")
    shutil.copy(net / HISTORY, broken / HISTORY)
    (torn / HISTORY).write_text("{}\n")
    spectrumless = ANALYSIS_REPORT.to_json(dataclasses.replace(analysis_report(), spectrum=None))
    cases: list[tuple[list[Path], int | None, str]] = [
        ([net, tmp_path / "torn" / ".." / "net"], None, "given twice"),
        ([empty], None, "no epoch of it is complete"),
        ([imported], None, "it has no history"),
        ([reported(tmp_path / "data", "data", {})], None, "nothing to draw"),
        ([torn_report], None, "persons: expected a whole number"),
        ([later], None, "schema 99, this shgae reads 1, 2"),
        ([reported(tmp_path / "a", "analysis", spectrumless)], None, "without a spectrum"),
        ([torn], None, "bytes"),
        ([net], EPOCHS + 1, "no training has an epoch 10, the last is 9"),
        ([reported(tmp_path / "e", "evaluation", evaluated())], 3, "none of these is a training"),
        ([tmp_path / "nowhere"], None, "no such folder"),
    ]
    for inputs, first, why in cases:
        with pytest.raises(Refused, match=why):
            plot.run(inputs, tmp_path / "out", Execution(), first)
        assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()
    plot.run([broken], tmp_path / "out", Execution())  # equal bytes


@pytest.mark.parametrize("value", [None, True, "0.5", [0.5], {}, 10**400, -1e101, 1.7e308])
@pytest.mark.parametrize("key", ["epoch", "lr", "val_loss", "val_pck"])
def test_a_history_of_anything_but_numbers_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    rows = [{"epoch": 1, "lr": 0.1, "train_loss": 1, "val_loss": 1.0, "val_pck": 0.5}] * 2
    assert len(plot_inputs._rows("\n".join(map(json.dumps, rows)).encode(), tmp_path)) == 2
    with pytest.raises(Refused, match=f"{key} is not a number"):
        plot_inputs._rows("\n".join(map(json.dumps, [*rows, {**rows[0], key: value}])).encode(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"1\n2", b"{", b'{"epoch": 1}', b"[" * 10**5])
def test_what_has_no_rows_is_no_history(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Refused, match="training writes"):
        plot_inputs._rows(content, tmp_path)


@pytest.mark.parametrize("epoch", [0, -1, 1.5, float("inf"), float("nan")])
def test_epochs_are_counted_from_one(tmp_path: Path, epoch: float) -> None:
    row = {"epoch": epoch, "lr": 0.1, "train_loss": 1, "val_loss": 1.0, "val_pck": 0.5}
    with pytest.raises(Refused, match="counted from 1"):
        plot_inputs._rows(json.dumps(row).encode(), tmp_path)


def test_another_process_draws_equal_bytes_and_signs_them_with_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path / "net")
    words = ["plot", str(tmp_path / "net"), "-o", str(tmp_path / "out"), "--force", "--quiet"]
    monkeypatch.setattr(sys, "argv", ["shgae", *words])
    found = []
    for draw in (draw_here, draw_elsewhere):
        draw(words)
        found.append({path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*g")})
        assert open_artifact(tmp_path / "out").manifest.provenance["command"] == ["shgae", *words]
    assert len(found[0]) == 4
    assert found[0] == found[1]


def draw_here(words: list[str]) -> None:
    assert main(words) == 0


def draw_elsewhere(words: list[str]) -> None:
    line = [sys.executable, "-P", "-m", "shgae", *words]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=120)
