"""The commands of the README and of every page in docs/ run, line by line, on drawn people and tiny networks."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.cli import config_file
from shgae.cli.app import command_tree
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import SPLITS
from tests.builders.annotation_files import mpii_people, newell_arrays, save_lsp, save_release
from tests.builders.pages import Page, coded, commands_of, page, pages
from tests.end_to_end.conftest import TINY_CONFIG, Shell

RUN = [one for one in pages() if one.commands("bash") or "python" in dict(one.blocks)]
GROUP = command_tree()
CONFIG = f"{TINY_CONFIG}\n[study]\nbatch-size = 4\nae-epochs = 1\n"
SMALLER = {"--hold-out": "3", "--hold-out-val": "2", "--epochs": "1", "--from-epoch": "1", "--steps": "1"}
"""Values of options, for ten photos and two epochs."""
FILES = {step: (kind, coded(files)) for steps, kind, files in page("artifacts").rows("Files") for step in coded(steps)}
"""Of each command, the kind of its artefact and patterns of its files, as docs/artifacts.md lists them."""


@pytest.fixture
def reader(shell: Shell, reads_here: None) -> Shell:
    """A folder with what a reader of any page has: COCO, photos, weights, and the artefacts of the chain."""
    for split in ("train", "val"):
        shutil.copy(f"drawn/{split}/person_keypoints.json", f"person_keypoints_{split}2017.json")
        Path(f"{split}2017").symlink_to(f"drawn/{split}/photos")
    shutil.copy("drawn/val/person_keypoints.json", "people.json")
    people = json.loads(Path("people.json").read_text())["annotations"]
    found = [{key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9} for one in people]
    Path("detections.json").write_text(json.dumps(found))
    Path("photos").symlink_to("drawn/val/photos")
    shutil.copy(min(Path("photos").iterdir()), "person.png")
    bearpaw = CHECKPOINT_FORMATS[3]
    spec = HourglassSpec(17, residual="newell", width=8, bottleneck=2, head="newell")
    state = {f"module.{bearpaw.name(name)}": tensor for name, tensor in build_hourglass(spec).state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, "model_best.pth.tar")
    Path("tiny.toml").write_text(CONFIG)
    Path("images").symlink_to("drawn/train/photos")
    return shell


def write_newells_files() -> None:
    """MPII's people, in photos that are there."""
    h5py = pytest.importorskip("h5py")
    for seed, split in enumerate(("train", "valid")):
        people = mpii_people(6, seed)
        people.names = [path.name for path in sorted(Path("images").iterdir())[:6]]
        people.joints /= 10
        people.center[:] = 60
        people.scale[:] = 0.5
        with h5py.File(f"{split}.h5", "w") as file:
            for name, array in newell_arrays(people).items():
                file[name] = array
    save_release(Path("mpii_human_pose_v1_u12_1.mat"), people)


def write_lsps_files() -> None:
    """Ten people of LSP's train and five of its test, in photos that are there; all others are broken."""
    joints = np.random.default_rng(0).uniform(20, 60, (3, 14, 1005))
    joints[2] = 0
    joints[2, :, 10:1000] = 5
    save_lsp(Path("joints.mat"), joints)
    Path("lsp-images").mkdir()
    photos = sorted(Path("images").iterdir())
    for number, photo in (*enumerate(photos[:10], start=1), *enumerate(photos[:5], start=1001)):
        Image.open(photo).convert("RGB").save(Path("lsp-images", f"im{number:04d}.jpg"))


def write_predictions(names: Iterable[str]) -> None:
    """Random joints of the people of the test split."""
    rng = np.random.default_rng(0)
    people = Crops(open_artifact(Path("made/data")), "test").people.annotation_id.tolist()
    for name in names:
        rows = [{"annotation_id": one, "keypoints": rng.uniform(1, 90, 51).tolist()} for one in people]
        Path(name).write_text(json.dumps(rows))


def run_page(one: Page, shell: Shell) -> dict[str, Any]:
    """Runs the blocks of a page in order; returns the variables of its Python."""
    made = {words[words.index("-o") + 1] for words in one.commands("bash") if "-o" in words}
    for artefact in Path("made").iterdir():
        if artefact.name not in made:
            Path(artefact.name).symlink_to(artefact)
    variables: dict[str, Any] = {}
    for language, text in one.blocks:
        if language == "bash":
            for words in commands_of(text):
                run_line(words, shell)
        elif language == "python":
            Path("snippet.py").write_text(text.replace("(2, 3, 256, 256)", "(2, 3, 128, 128)"))
            variables |= runpy.run_path("snippet.py")
        elif language == "toml":
            Path("mine.toml").write_text(text)
            assert config_file.read(Path("mine.toml")).values
        elif language == "json":
            prepare_example(text, shell)
    return variables


def prepare_example(text: str, shell: Shell) -> None:
    """A COCO JSON that a page shows, with grey photos of its sizes."""
    Path("example").mkdir()
    Path("example.json").write_text(text)
    for photo in json.loads(text)["images"]:
        Image.new("RGB", (photo["width"], photo["height"]), "grey").save(Path("example", photo["file_name"]))
    shell.run("prepare", "--train", "example.json", "example", "-o", "example-data")


def run_line(line: list[str], shell: Shell) -> None:
    program, *words = line
    assert program == "shgae", "another program: its block is sh"
    words = [SMALLER.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    takes_config = any("--config" in one.opts for one in GROUP.commands[words[0]].params)
    shell.run(*words, *(["--config", "tiny.toml"] if takes_config and "--config" not in words else []))
    if "-o" in words and "--dry-run" not in words:
        check_files(words[0], Path(words[words.index("-o") + 1]))


def check_files(step: str, output: Path) -> None:
    """Every file that the table names lies in the folder, and every file of the folder is in the table."""
    if output.is_file() or step == "convert":  # COCO JSON is no artefact.
        return
    folder = output / "report" if step == "study" else output
    kind, patterns = FILES[step]
    assert json.loads((folder / "manifest.json").read_text())["kind"] in kind
    there = {path for path in folder.rglob("*") if path.is_file()} - {folder / "manifest.json"}
    found = set()
    for pattern in patterns:
        names = [pattern.replace("SPLIT", f"{split}/**") for split in SPLITS] if "SPLIT" in pattern else [pattern]
        hits = {hit for name in names for hit in folder.glob(name.replace("NAME", "*"))}
        assert hits, f"{pattern} in {folder}"
        found |= hits
    assert found == there


@pytest.mark.parametrize("one", RUN, ids=lambda one: one.name)
def test_the_lines_of_a_page_run_one_after_another(one: Page, reader: Shell, request: pytest.FixtureRequest) -> None:
    if one.path.stem == "inference-and-onnx":
        request.getfixturevalue("quick")
    if one.path.stem == "mpii":
        write_newells_files()
        write_lsps_files()
    if one.path.stem == "compare":
        write_predictions(f"{arm}{run}.json" for arm in "pq" for run in range(3))
    variables = run_page(one, reader)
    if one.path.stem == "python":
        assert variables["maps"].shape == (2, 1, 17, 32, 32)
        assert variables["bottleneck"].shape == (2, 16, 4, 4)
        assert variables["code"].shape == (2, 6)
    if one.path.stem == "inference-and-onnx":
        assert variables["maps"].shape == (17, 32, 32)
    if one.path.stem == "models-and-joints":
        grafts = {name: reader.json("info", name)["facts"]["spec"]["grafts"] for name in ("both", "shared")}
        assert all(isinstance(own, dict) for own in grafts["both"])
        assert grafts["shared"][1] == 0


def test_the_readme_shows_the_seven_steps_of_the_method_in_order() -> None:
    steps = ["prepare", "train", "extract", "pretrain-ae", "graft", "finetune", "evaluate"]
    assert list(dict.fromkeys(words[1] for words in pages()[0].commands("bash"))) == steps


def test_the_pages_make_every_kind_of_artefact_that_the_table_lists() -> None:
    made = {words[1] for one in RUN for words in one.commands("bash") if "-o" in words}
    assert FILES.keys() <= made
