"""A study of which a part was damaged: verify finds it, and the same command with --force makes that part again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shgae.errors import AGAIN, Refused
from shgae.execution import Execution
from shgae.experiments.study import run
from shgae.stages import verify
from tests.builders.chain import Chain
from tests.builders.studies import TINY, Whole


@pytest.fixture
def study(whole: Whole, tmp_path: Path) -> Path:
    return shutil.copytree(whole.output, tmp_path / "study")


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9:-7] = b"!?"
    path.write_bytes(content)


def test_verify_of_a_study_hashes_every_part(study: Path) -> None:
    parts = {path.parent for path in study.rglob("manifest.json")}
    found = verify.run(study)
    assert parts <= set(found.verified) and not found.missing
    assert len(found.verified) == len(set(found.verified))
    assert set(verify.run(study / "report").verified) < set(found.verified), "asked of the report, not of the study"


@pytest.mark.parametrize(
    "part", ["activations", "baseline/scores", "seed-0/arm-none/finetuned", "seed-1/arm-none/scores"]
)
def test_verify_of_a_study_names_a_part_that_lost_its_manifest(
    study: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parent)
    study = Path(study.name)
    (study / "notes" / "of mine").mkdir(parents=True)
    (study / "notes" / "of mine" / "report.txt").write_text("a folder of the user's")
    assert verify.run(study).fault() is None
    (study / part / "manifest.json").unlink()
    with pytest.raises(Refused, match=f"study in {study}/{part}: it has no manifest.json") as caught:
        verify.run(study)
    assert caught.value.fix == AGAIN


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize(
    ("part", "file", "title"),
    [
        ("seed-0/arm-none/scores", "cells.safetensors", "arm none, seed 0 (1 of 2): scoring on the test split"),
        ("seed-1/arm-none/finetuned", "history.jsonl", "arm none, seed 1 (2 of 2): fine-tuning (no autoencoder)"),
    ],
)
def test_a_damaged_part_is_found_and_made_again_by_force(
    whole: Whole, chain: Chain, study: Path, part: str, file: str, title: str
) -> None:
    overwrite(study / part / file)
    with pytest.raises(Refused, match=rf"{part}: {file} was changed"):
        verify.run(study)
    with pytest.raises(Refused, match=rf"{part}: {file} was changed") as caught:
        run.run(chain.baseline, chain.data, study, TINY, Execution())
    assert caught.value.fix == AGAIN
    listed = run.listing(chain.baseline, chain.data, study, TINY, Execution(force=True)).parts
    assert next(one for one in listed if one.name == part).state == "to do"
    again = run.run(chain.baseline, chain.data, study, TINY, Execution(force=True))
    assert again.made == (title,)
    assert again.report == whole.report
    assert verify.run(study).fault() is None


@pytest.mark.usefixtures("sketched")
def test_a_part_of_which_the_manifest_was_changed_is_made_again_by_force(chain: Chain, study: Path) -> None:
    manifest = study / "seed-0/autoencoder/manifest.json"
    manifest.write_text(manifest.read_text().replace('"code_size": 6', '"code_size": 7'))
    with pytest.raises(Refused, match=r"seed-0/autoencoder/manifest\.json: "):
        run.run(chain.baseline, chain.data, study, TINY, Execution())
    again = run.run(chain.baseline, chain.data, study, TINY, Execution(force=True))
    assert again.made == ("seed 0 (1 of 2): pre-training the autoencoder",)
    assert verify.run(study).fault() is None


def torn(part: Path) -> None:
    (part / "manifest.json").write_text("{")


def lost(part: Path) -> None:
    (part / "manifest.json").unlink()


def emptied(part: Path) -> None:
    shutil.rmtree(part)
    part.mkdir()


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("damage", [torn, lost, emptied])
def test_a_part_without_a_manifest_is_made_again_by_force_and_nothing_is_lost(
    chain: Chain, study: Path, damage: Callable[[Path], None]
) -> None:
    part = study / "seed-0/arm-none/scores"
    damage(part)
    before = {path.name: path.read_bytes() for path in part.iterdir()}
    with pytest.raises(Refused) as refused:
        run.run(chain.baseline, chain.data, study, TINY, Execution())
    assert "--force" in refused.value.fix and {path.name for path in part.iterdir()} == before.keys()
    again = run.run(chain.baseline, chain.data, study, TINY, Execution(force=True))
    assert again.made == ("arm none, seed 0 (1 of 2): scoring on the test split",)
    assert verify.run(study).fault() is None
    aside = part.with_name(".scores.damaged-1")
    assert aside.exists() == bool(before)
    assert not before or {path.name: path.read_bytes() for path in aside.iterdir()} == before
