"""The page of a tiny chain: what it says stands in the artefacts, and what is broken is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.rate.text import sentences as rate_sentences
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.analysis.splice.text import sentences as splice_sentences
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.data.synthetic import SyntheticConfig, draw_dataset
from shgae.errors import Refused
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, ReportConfig
from shgae.reporting.evaluation import sentences
from shgae.reporting.page.inputs import open_given, told_apart
from shgae.reporting.study import conclusion
from shgae.reporting.study_cautions import cautions
from shgae.stages import prepare, report
from tests.builders.chain import Chain
from tests.builders.page_elements import HOSTILE, Elements
from tests.builders.reported import CONFIG, HOW, Reported

ROOT = Path(__file__).parents[2]


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
    path = {name: folder / "report.json" for name, folder in sources(reported).items()}
    told = STUDY.read(path["study"])
    wanted = [conclusion(told), *cautions(told), *sentences(EVALUATION.read(path["evaluation"]))]
    wanted += [*splice_sentences(SPLICE_REPORT.read(path["splice"])), *rate_sentences(RATE_REPORT.read(path["rate"]))]
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
        "Arms compared",
        "Scores",
        "People",
        "Replacements of the bottleneck",
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


def test_the_scores_are_the_evaluations_own_table(reported: Reported) -> None:
    text = Elements(reported.page.read_bytes()).text
    value = json.loads((reported.evaluation / "report.json").read_text())
    for row in value["models"]:
        interval = row["interval"]["all"]
        assert f"{100 * interval['low']:.1f} to {100 * interval['high']:.1f}" in text
    for name in ("Differences of PCK", "People with the joint found", "PCK % of each joint"):
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


@pytest.mark.usefixtures("sketched")
def test_ancestors_that_were_not_given_are_in_the_lineage_also_when_they_are_gone(chain: Chain, tmp_path: Path) -> None:
    away = tmp_path / "far" / "away" / "grafted"
    shutil.copytree(chain.grafted, away)
    report.run([away], tmp_path / "page.html", CONFIG, HOW)
    text = Elements((tmp_path / "page.html").read_bytes()).text
    for path in (chain.data, chain.baseline, chain.activations, chain.autoencoder):
        assert open_artifact(path).short_id in text
    assert text.count("no longer where") == 4


@pytest.mark.usefixtures("sketched")
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
        edit_json(folder / "report.json", lambda value: value["comparisons"][0].__setitem__("second", HOSTILE))

    remade(reported.evaluation, tmp_path / f"scores{name}", rename)
    config = ReportConfig(title=HOSTILE, people=0)
    made = report.run([data, tmp_path / f"scores{name}"], tmp_path / "page.html", config, HOW)
    page = Elements(made.path.read_bytes())
    assert not page.named("script")
    assert len(page.named("style")) == 1
    assert not [place for image in page.named("img") if not (place := str(image["src"])).startswith("data:image/")]
    assert page.text.count("<script>") > 5
    assert not set(page.text) & {"\x00", "\x1b", "\u202e"}


@pytest.mark.usefixtures("sketched")
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


@pytest.mark.usefixtures("sketched")
def test_a_report_of_a_rate_is_refused_by_the_key_that_it_lacks(reported: Reported, tmp_path: Path) -> None:
    def torn(folder: Path, facts: dict[str, Any]) -> None:
        edit_json(folder / "report.json", lambda value: value.pop("untouched"))

    remade(reported.evaluation.parent / "rate", tmp_path / "rate", torn)
    with pytest.raises(Refused, match=r"report in .*rate/report\.json: untouched: missing"):
        report.run([tmp_path / "rate"], tmp_path / "page.html", CONFIG, HOW)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.usefixtures("sketched")
def test_a_typed_report_is_refused_by_the_key_that_is_wrong_and_a_bug_of_ours_is_none_of_it(
    reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(folder: Path, facts: dict[str, Any]) -> None:
        edit_json(folder / "report.json", lambda value: value["models"][1]["pck"].pop("v2"))

    remade(reported.evaluation, tmp_path / "torn", torn)
    with pytest.raises(Refused, match=r"report in .*torn/report\.json: models\[1\]\.pck\.v2: missing"):
        report.run([tmp_path / "torn"], tmp_path / "page.html", CONFIG, HOW)
    monkeypatch.setattr("shgae.reporting.evaluation.GROUPS", (("v3", "a typo"),))
    with pytest.raises(AttributeError, match="v3"):
        report.run([reported.evaluation], tmp_path / "page.html", CONFIG, HOW)


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
    "a torn manifest": ("splice", "manifest.json", lambda p: p.write_text("{"), "no valid JSON"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_input_is_refused_and_leaves_nothing(reported: Reported, tmp_path: Path, what: str) -> None:
    artefact, file, damage, words = BROKEN[what]
    shutil.copytree(reported.evaluation.parent / artefact, tmp_path / "copy")
    damage(tmp_path / "copy" / file)
    with pytest.raises(Refused, match=words):
        report.run([tmp_path / "copy", reported.data], tmp_path / "page.html", CONFIG, HOW)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.usefixtures("sketched")
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
        with pytest.raises(Refused, match="unfinished"):
            report.run([path], tmp_path / "page.html", CONFIG, HOW)
