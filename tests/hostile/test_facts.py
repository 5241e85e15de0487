"""Manifests whose id fits and whose facts lie: every reader refuses them by the fact's name, and none breaks."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.manifest import KINDS, read_manifest
from tests.builders.old_artefacts import IDS
from tests.end_to_end.conftest import ROOT
from tests.hostile.conftest import run
from tests.promises import Kept

FEW = "--precision fp32 --batch-size 2 --epochs 1"
READERS: Mapping[tuple[str, str], str] = {
    **{
        ("data", name): f"train data -o x {FEW}" for name in ("splits", "skeleton", "mean_rgb", "category_id", "margin")
    },
    **{("data", name): "evaluate baseline data --resamples 100 -o x" for name in ("crop_size", "crop_policy")},
    **{("baseline", name): "graft baseline autoencoder -o x" for name in ("spec", "skeleton", "mean_rgb", "crop_size")},
    **{("baseline", name): "extract baseline data -o x" for name in ("crop_policy", "margin")},
    ("baseline", "category_id"): "predict baseline photo.png -o x",
    **{("activations", name): f"pretrain-ae activations --code-size 3 -o x {FEW}" for name in ("splits", "shape")},
    ("autoencoder", "spec"): "graft baseline autoencoder -o x",
    ("figures", "figures"): "report figures -o x.html",
}
"""A command that needs a fact, by artefact and fact."""
QUICK = (
    *(
        "info {}",
        "verify {}",
        "report {} -o x.html",
        "plot {} -o x",
        "extract {} data -o x",
        "predict {} photo.png -o x",
    ),
    *(f"train {{}} -o x {FEW}", f"finetune {{}} data -o x {FEW}", f"pretrain-ae {{}} --code-size 3 -o x {FEW}"),
    *("graft {} autoencoder -o x", "graft baseline {} -o x", "evaluate {} data --resamples 100 -o x"),
)
COMMANDS = (
    *QUICK,
    *("analyze {} -o x", "export {} -o x.onnx", "extract baseline {} -o x", f"finetune baseline {{}} -o x {FEW}"),
    *("evaluate baseline {} --resamples 100 -o x", "splice {} data -o x", "splice baseline {} -o x"),
    *("splice baseline data --activations {} -o x", "splice baseline data --ae {} -o x"),
    *("rate {} activations data -o x", "rate baseline {} data -o x", "rate baseline activations {} -o x"),
    *("study {} data -o x --dry-run", "study baseline {} -o x --dry-run"),
)
"""Everything that takes an artefact."""
LIES = (
    "An artefact whose manifest leaves out what a reader needs, and has an id that fits, is read or refused in one line"
)


@pytest.fixture
def old(here: Path) -> Path:
    """One artefact of each kind, and a photo, in the current folder."""
    with tarfile.open(ROOT / "tests" / "artifacts" / "schema_1.tar.xz") as archive:
        archive.extractall(here, filter="data")
    (here / "photo.png").write_bytes(next(here.glob("figures/*.png")).read_bytes())
    return here


def forge(name: str, facts: Mapping[str, Any]) -> None:
    """Gives an artefact other facts, and an id that fits them."""
    manifest = dataclasses.replace(read_manifest(Path(name)), facts=facts)
    Path(name, "manifest.json").write_text(json.dumps(manifest.to_json()))


@pytest.mark.parametrize(("name", "fact"), READERS, ids=[" ".join(one) for one in READERS])
def test_a_fact_that_is_lacking_or_nonsense_is_refused_by_its_name(old: Path, name: str, fact: str) -> None:
    true = dict(read_manifest(Path(name)).facts)
    for facts in ({key: value for key, value in true.items() if key != fact}, true | {fact: [None]}):
        forge(name, facts)
        end = run(*READERS[name, fact].split()).check(seconds=5)
        assert (end.code, end.line.partition(":")[2].partition(":")[0]) == (2, f" fact {fact} in {name}")


def tried(name: str, commands: tuple[str, ...]) -> None:
    for command in commands:
        again = ["--force"] * (" -o " in command and "dry" not in command)
        run(*command.format(name).split(), *again).check(seconds=20, longest=400)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", IDS)
def test_an_artefact_of_any_kind_that_says_nothing_of_itself_is_read_or_refused(old: Path, name: str) -> None:
    forge(name, {})
    tried(name, QUICK)


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", IDS)
def test_an_artefact_that_lacks_a_fact_is_read_or_refused_by_every_command(old: Path, name: str, kept: Kept) -> None:
    true = dict(read_manifest(Path(name)).facts)
    for lacking in true:
        forge(name, {key: value for key, value in true.items() if key != lacking})
        tried(name, QUICK)
    forge(name, {})
    tried(name, COMMANDS)
    kept(LIES, len(true) + 1, "manifests")


def test_there_is_one_of_every_kind() -> None:
    assert {kind for kind, _ in IDS.values()} == set(KINDS)
