"""The page of a tiny chain: what it says stands in the artefacts, and what is broken is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.errors import Interrupted, Refused
from shgae.evaluation.report import people_of
from shgae.execution import Execution, StopFlag
from shgae.recipes import PrepareConfig, ReportConfig
from shgae.reporting.page.html import pictures_of
from shgae.reporting.page.images import MOST_BYTES
from shgae.reporting.page.inputs import open_given, told_apart
from shgae.reporting.page.people import PANEL_BYTES, people_section
from shgae.reporting.page.sections import sections_of
from shgae.reporting.page.training import picture_of, training_section
from shgae.skeleton import Skeleton
from shgae.stages import evaluate, prepare, report
from tests.builders.chain import Chain, Notes
from tests.builders.page_elements import HOSTILE, Elements
from tests.builders.reported import CONFIG, HOW, SCORED, Reported

ROOT = Path(__file__).parents[2]
FORCE = Execution(workers=0, force=True)


def remade(artefact: Path, target: Path, change: Callable[[Path, dict[str, Any]], object]) -> Artifact:
    """An artefact of the same kind and parents whose files and facts were changed before it was made."""
    old = open_artifact(artefact)
    parents = {p.role: open_artifact(Path(os.path.normpath(artefact / p.path))) for p in old.manifest.parents}
    facts = dict(old.facts)
    with new_artifact(
        target, kind=old.manifest.kind, config=old.manifest.config, parents=parents, execution=HOW
    ) as made:
        for name in old.manifest.files:
            shutil.copy(artefact / name, made.file(name))
        change(made.path, facts)
        return made.commit(facts)


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_every_sentence_of_every_report_stands_on_top_once_and_no_other(reported: Reported) -> None:
    value = {name: json.loads((path / "report.json").read_text()) for name, path in sources(reported).items()}
    wanted = [value["study"]["conclusion"], *value["study"]["cautions"]]
    wanted += [pair["sentence"] for pair in value["evaluation"]["comparisons"]]
    wanted += value["splice"]["says"] + value["rate"]["says"]
    top = unescape(reported.text.partition('<h2 id="findings">')[2].partition("</section>")[0])
    assert [line for line in top.split("<p>")[1:] if line.partition("</p>")[0] not in wanted] == []
    assert all(sentence in top for sentence in wanted)
    assert [sentence for sentence in wanted if unescape(reported.text).count(sentence) > 1] == []


def sources(reported: Reported) -> dict[str, Path]:
    folder = reported.evaluation.parent
    return {"study": folder / "study" / "report", **{name: folder / name for name in ("evaluation", "splice", "rate")}}


def test_it_has_a_section_of_every_kind_in_order(reported: Reported) -> None:
    assert reported.result.sections == (
        "What may be concluded",
        "Did the autoencoder earn it?",
        "Scores",
        "People",
        "In the bottleneck's place",
        "How many numbers it takes",
        "Training",
        "Data",
        "Where it comes from",
        "How it was made",
    )
    headings = [name for name, _ in Elements(reported.page.read_bytes()).found if name in ("h1", "h2", "h3", "h4")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert all(int(b[1]) - int(a[1]) <= 1 for a, b in zip(headings, headings[1:], strict=False))


def test_one_artefact_gives_a_page_without_the_sections_of_others(chain: Chain, tmp_path: Path) -> None:
    made = report.run([chain.activations], tmp_path / "page.htm", CONFIG, HOW)
    assert made.sections == ("What may be concluded", "Where it comes from", "How it was made")
    assert made.pictures == 0
    assert "so nothing may be concluded" in made.path.read_text()


def test_the_scores_are_the_evaluations_own_table(reported: Reported) -> None:
    text = Elements(reported.page.read_bytes()).text
    value = json.loads((reported.evaluation / "report.json").read_text())
    for row in value["models"]:
        interval = row["interval"]["all"]
        assert f"{100 * interval['low']:.1f} to {100 * interval['high']:.1f}" in text
    for name in ("Differences of PCK", "People whose joint was found", "PCK % of each joint"):
        assert name in text


def test_artefacts_of_one_name_are_told_apart_by_the_folders_above() -> None:
    folders = {"1": "/s/seed-0/arm-a/finetuned", "2": "/s/seed-0/arm-b/finetuned", "3": "/s/seed-1/arm-b/finetuned"}
    paths = {identity: Path(path) for identity, path in folders.items()} | {"4": Path("/s/data")}
    assert told_apart(paths) == {
        "1": "arm-a/finetuned",
        "2": "seed-0/arm-b/finetuned",
        "3": "seed-1/arm-b/finetuned",
        "4": "data",
    }
    assert told_apart({"a" * 64: Path("/r"), "b" * 64: Path("/r")}) == {"a" * 64: "r (aaaaaa)", "b" * 64: "r (bbbbbb)"}


def test_neither_the_order_nor_saying_twice_changes_a_byte(reported: Reported, tmp_path: Path) -> None:
    again = [*reversed(reported.inputs), reported.inputs[0]]
    report.run(again, tmp_path / "again.html", CONFIG, HOW)
    assert (tmp_path / "again.html").read_bytes() == reported.page.read_bytes()


def test_another_process_makes_the_same_bytes_and_speaks_json_only(reported: Reported, tmp_path: Path) -> None:
    words = ["report", *reported.inputs, "-o", tmp_path / "again.html", "--people", 2, "--json", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-m", "shgae", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == reported.result.to_json() | {"output": str(tmp_path / "again.html")}
    assert (tmp_path / "again.html").read_bytes() == reported.page.read_bytes()


def test_command_id_and_hash_of_every_file_are_told(reported: Reported) -> None:
    text = Elements(reported.page.read_bytes()).text
    for one in open_given(reported.inputs, Execution()):
        manifest = one.artifact.manifest
        assert manifest.id in text
        assert all(entry.sha256 in text for entry in manifest.files.values())
        assert manifest.provenance["created"][:10] in text
        assert manifest.provenance["versions"]["torch"] in text


def test_what_was_read_is_said_to_be_hashed_and_nothing_else_is(reported: Reported) -> None:
    given = {one.kind: one for one in open_given(reported.inputs, Execution())}
    assert given["hourglass"].checked <= {"history.jsonl"}
    assert given["activations"].checked == set()
    assert given["splice"].checked == set(given["splice"].artifact.manifest.files)


def test_ancestors_that_were_not_given_are_in_the_lineage_also_when_they_are_gone(chain: Chain, tmp_path: Path) -> None:
    away = tmp_path / "far" / "away" / "grafted"
    shutil.copytree(chain.grafted, away)
    report.run([away], tmp_path / "page.html", CONFIG, HOW)
    text = Elements((tmp_path / "page.html").read_bytes()).text
    for path in (chain.data, chain.baseline, chain.activations, chain.autoencoder):
        assert open_artifact(path).short_id in text
    assert text.count("no longer where its child saw it") == 4


def brute_force(reported: Reported, pair: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """PCK of every person by both models, from the predictions' JSON, a joint at a time."""
    data = open_artifact(reported.data)
    crops = Crops(data, "test")
    people = people_of(crops, Skeleton.from_json(data.facts["skeleton"]))
    shares = []
    for name in pair:
        rows = json.loads((reported.evaluation / f"predictions-{name}.json").read_text())
        mine = []
        for row, (x0, y0, side) in zip(rows, crops.people.square, strict=True):
            right = count = 0
            for k, (x, y, _) in enumerate(np.array(row["keypoints"]).reshape(-1, 3)):
                at = people.annotation_id.tolist().index(row["annotation_id"])
                if people.cell_visibility[at, k]:
                    cell = [(x - x0) * 128 / side / 4, (y - y0) * 128 / side / 4]
                    off = np.floor(cell) - people.cells[at, k]
                    count += 1
                    right += bool(np.hypot(*off) < 1.6)
            mine.append(right / count if count else np.nan)
        shares.append(mine)
    return np.array(shares), people.annotation_id


def test_the_people_drawn_are_the_best_the_worst_and_the_most_changed(reported: Reported) -> None:
    shares, annotations = brute_force(reported, ("baseline", "finetuned"))
    given = open_given(reported.inputs, Execution())
    evaluation = [one for one in given if one.kind == "evaluation"]
    section = people_section(evaluation, given, CONFIG, HOW)
    assert section is not None
    mean, change = shares.mean(0), shares[1] - shares[0]
    wanted = {
        "Best": (mean, np.sort(mean)[::-1][:2]),
        "Worst": (mean, np.sort(mean)[:2]),
        "Most gained": (change, np.sort(change[change > 0])[::-1][:2]),
        "Most lost": (change, np.sort(change[change < 0])[:2]),
    }
    for part in section.parts:
        values, extremes = next(found for name, found in wanted.items() if part.title.startswith(name))
        captions = [figure.caption for block in part.blocks if block.kind == "gallery" for figure in block.figures]
        drawn = [int(caption.partition("annotation ")[2].partition(",")[0]) for caption in captions]
        assert [values[annotations.tolist().index(one)] for one in drawn] == pytest.approx(list(extremes))
        for caption, one in zip(captions, drawn, strict=True):
            mine = shares[:, annotations.tolist().index(one)]
            assert f"baseline {100 * mine[0]:.1f} %, finetuned {100 * mine[1]:.1f} %" in caption


def test_two_models_can_be_named_and_strangers_are_refused(reported: Reported, tmp_path: Path) -> None:
    named = replace(CONFIG, between="grafted,baseline")
    made = report.run([reported.evaluation], tmp_path / "page.html", named, HOW)
    assert "Most gained from grafted to baseline" in made.path.read_text()
    with pytest.raises(Refused, match="'grafted,theirs' is no two of the models baseline, grafted, finetuned"):
        report.run([reported.evaluation], tmp_path / "x.html", replace(CONFIG, between="grafted,theirs"), HOW)
    assert not (tmp_path / "x.html").exists()


def test_one_model_has_best_and_worst_people_only_and_none_can_be_wanted(chain: Chain, tmp_path: Path) -> None:
    evaluate.run([chain.baseline], chain.data, tmp_path / "alone", SCORED, HOW)
    made = report.run([tmp_path / "alone"], tmp_path / "page.html", CONFIG, HOW)
    assert "Best found, by the PCK of baseline" in made.path.read_text()
    assert "Most gained" not in made.path.read_text()
    assert made.pictures == 1 + 2 * 2 * 2, "the bars, and two panels of two people of either sort"
    none = report.run([tmp_path / "alone"], tmp_path / "none.html", replace(CONFIG, people=0), HOW)
    assert "People" not in none.sections


def test_without_the_data_nobody_is_drawn_and_that_is_said(reported: Reported, tmp_path: Path) -> None:
    shutil.copytree(reported.evaluation, tmp_path / "away" / "evaluation")
    notes = Notes()
    how = replace(HOW, progress=notes)
    made = report.run([tmp_path / "away" / "evaluation"], tmp_path / "page.html", CONFIG, how)
    assert made.pictures == 1
    assert "so nobody can be drawn" in made.path.read_text()
    assert "give its folder too" in notes.said[0]
    both = [tmp_path / "away" / "evaluation", reported.data]
    assert report.run(both, tmp_path / "both.html", CONFIG, HOW).pictures > 1


def test_every_picture_stays_below_its_bound(reported: Reported) -> None:
    given = open_given(reported.inputs, Execution())
    people = people_section([one for one in given if one.kind == "evaluation"], given, CONFIG, HOW)
    assert people is not None
    drawn = [picture for part in people.parts for picture in pictures_of(part.blocks)]
    training = training_section(given)
    assert training is not None
    sections = [*sections_of(given), training]
    others = [picture for one in sections for part in one.parts for picture in pictures_of(part.blocks)]
    assert max(len(picture.data) for picture in drawn) <= PANEL_BYTES
    assert max(len(picture.data) for picture in others) <= MOST_BYTES
    assert reported.result.pictures == len(drawn) + len(others)
    assert all(picture.alt for picture in (*drawn, *others))


def test_a_drawing_that_is_too_large_as_svg_becomes_a_png() -> None:
    def draw(path: Path) -> None:
        if path.suffix == ".svg":
            path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><!--{" " * MOST_BYTES}--></svg>')
        else:
            Image.new("RGB", (30, 20)).save(path)

    assert picture_of(draw, "x").type == "image/png"


def test_drawn_figures_are_shown_once_each_as_what_fits(chain: Chain, tmp_path: Path) -> None:
    size = {"small.svg": 10, "small.png": 10, "large.svg": MOST_BYTES, "large.png": 10, "alone.png": 10}
    opened = open_artifact(chain.baseline)
    with new_artifact(tmp_path / "drawn", kind="figures", config={}, parents={"run": opened}, execution=HOW) as made:
        for name, length in size.items():
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt"><!--{" " * length}--></svg>'
            if name.endswith("svg"):
                made.file(name).write_text(svg)
            else:
                Image.new("RGB", (30, 20)).save(made.file(name))
        made.commit({"figures": ["small", "large", "alone"]})
    result = report.run([tmp_path / "drawn"], tmp_path / "page.html", CONFIG, HOW)
    places = [str(image["src"]) for image in Elements(result.path.read_bytes()).named("img")]
    assert [place.partition(";")[0] for place in places] == ["data:image/svg+xml", *["data:image/png"] * 2]


def test_hostile_names_stay_text(tmp_path: Path, reported: Reported) -> None:
    """Joints, photos, models and options of somebody else's making."""
    name = HOSTILE.replace("\x00", "").replace("/", "|").replace("\udcff", "")
    annotations = draw_dataset(tmp_path / "drawn", SyntheticConfig(photos=4, seed=0))
    edit_json(
        annotations, lambda value: value["categories"][0]["keypoints"].__setitem__(0, HOSTILE.replace("\udcff", ""))
    )
    data = tmp_path / f"data{name}"
    source = prepare.Source(annotations, tmp_path / "drawn" / "photos")
    prepare.run({"train": source, "val": source}, data, PrepareConfig(crop_size=128), HOW)

    def rename(folder: Path, facts: dict[str, Any]) -> None:
        edit_json(folder / "report.json", lambda value: value["models"][0].__setitem__("name", HOSTILE))
        edit_json(folder / "report.json", lambda value: value["comparisons"][0].__setitem__("sentence", HOSTILE))

    remade(reported.evaluation, tmp_path / f"scores{name}", rename)
    config = ReportConfig(title=HOSTILE, people=0)
    made = report.run([data, tmp_path / f"scores{name}"], tmp_path / "page.html", config, HOW)
    page = Elements(made.path.read_bytes())
    assert not page.named("script")
    assert len(page.named("style")) == 1
    assert not [place for image in page.named("img") if not (place := str(image["src"])).startswith("data:image/")]
    assert page.text.count("<script>") > 5
    assert not set(page.text) & {"\x00", "\x1b", "\u202e"}


def test_numbers_that_are_none_are_dashes(chain: Chain, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (chain.baseline / "history.jsonl").read_text().splitlines()]

    def spoil(folder: Path, facts: dict[str, Any]) -> None:
        rows[0] |= {"val_pck": None, "val_loss": float("nan"), "train_loss": float("inf")}
        (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    remade(chain.baseline, tmp_path / "spoiled", spoil)
    made = report.run([tmp_path / "spoiled"], tmp_path / "page.html", CONFIG, HOW)
    text = Elements(made.path.read_bytes()).text
    cells = [attributes for name, attributes in Elements(made.path.read_bytes()).found if name == "td"]
    assert len(cells) > 10
    best = f"spoiled22{100 * rows[1]['val_pck']:.1f}\N{NO-BREAK SPACE}%"
    assert best in "".join(text.split("\n"))
    assert "nan" not in text.lower()
    rows[1]["val_pck"] = None
    remade(chain.baseline, tmp_path / "worse", spoil)
    made = report.run([tmp_path / "worse"], tmp_path / "worse.html", CONFIG, HOW)
    assert made.pictures == 0
    assert "worse2--" in Elements(made.path.read_bytes()).text


def test_a_report_of_another_shgae_is_refused_by_what_it_lacks(reported: Reported, tmp_path: Path) -> None:
    def older(folder: Path, facts: dict[str, Any]) -> None:
        edit_json(folder / "report.json", lambda value: value.pop("untouched"))

    remade(reported.evaluation.parent / "rate", tmp_path / "rate", older)
    with pytest.raises(Refused, match=r"it has no 'untouched'; it was made by shgae .*make it again"):
        report.run([tmp_path / "rate"], tmp_path / "page.html", CONFIG, HOW)
    assert not (tmp_path / "page.html").exists()


BROKEN: dict[str, tuple[str, str, Callable[[Path], object], str]] = {
    "a changed report": ("rate", "report.json", lambda p: p.write_text(p.read_text() + " "), "report.json has"),
    "a changed picture": (
        *("rate", "rate.png"),
        lambda p: p.write_bytes(p.read_bytes()[:-1] + b"\0"),
        "rate.png was changed since it was written",
    ),
    "a missing picture": ("study/report", "differences.png", lambda p: p.unlink(), "differences.png is missing"),
    "changed predictions": (
        *("evaluation", "predictions-baseline.json"),
        lambda p: p.write_text(p.read_text().replace("1", "2")),
        "predictions-baseline.json was changed",
    ),
    "no manifest": ("splice", "manifest.json", lambda p: p.unlink(), "no manifest.json in it"),
    "a torn manifest": ("splice", "manifest.json", lambda p: p.write_text("{"), "not readable"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_input_is_refused_and_leaves_nothing(reported: Reported, tmp_path: Path, what: str) -> None:
    artefact, file, damage, words = BROKEN[what]
    shutil.copytree(reported.evaluation.parent / artefact, tmp_path / "copy")
    damage(tmp_path / "copy" / file)
    with pytest.raises(Refused, match=words):
        report.run([tmp_path / "copy", reported.data], tmp_path / "page.html", CONFIG, HOW)
    assert not (tmp_path / "page.html").exists()


def test_changed_crops_are_refused(reported: Reported, tmp_path: Path) -> None:
    shutil.copytree(reported.data, tmp_path / "data")
    crops = tmp_path / "data" / "test" / "crops-00000.safetensors"
    crops.write_bytes(crops.read_bytes()[:-1] + b"\1")
    with pytest.raises(Refused, match="crops-00000.safetensors was changed"):
        report.run([reported.evaluation, tmp_path / "data"], tmp_path / "page.html", CONFIG, HOW)


def test_an_unfinished_input_is_refused(chain: Chain, tmp_path: Path) -> None:
    shutil.copytree(chain.baseline, tmp_path / "run.partial")
    (tmp_path / "run.partial" / "manifest.json").rename(tmp_path / "run.partial" / ".intent.json")
    for path in (tmp_path / "run.partial", tmp_path / "run"):
        with pytest.raises(Refused, match="unfinished: its step was interrupted"):
            report.run([path], tmp_path / "page.html", CONFIG, HOW)


def test_a_file_that_exists_is_replaced_on_request_only(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(Refused, match="it exists already"):
        report.run([chain.data], path, CONFIG, HOW)
    assert path.read_text() == "mine"
    report.run([chain.data], path, CONFIG, FORCE)
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_that_cannot_be_are_refused(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "link.html").symlink_to("nowhere")
    (tmp_path / "taken").write_text("mine")
    refused = {
        "page": r"does not end in \.html or \.htm",
        "folder.html": "no file, so --force spares it",
        "link.html": "no file, so --force spares it",
        "taken/page.html": "a file stands in the way",
        f"{chain.data}/page.html": "it lies inside",
    }
    for name, why in refused.items():
        with pytest.raises(Refused, match=why):
            report.run([chain.data], tmp_path / name, CONFIG, FORCE)
    assert not (chain.data / "page.html").exists()


def test_a_signal_leaves_nothing(reported: Reported, tmp_path: Path) -> None:
    stop = StopFlag()
    stop.signal_number = 15
    with pytest.raises(Interrupted):
        report.run(reported.inputs, tmp_path / "page.html", CONFIG, replace(HOW, stop=stop))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_leaves_the_old_page(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        report.run([chain.data], path, CONFIG, FORCE)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]
