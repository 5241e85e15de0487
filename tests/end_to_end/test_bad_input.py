"""Whatever a user gets wrong ends in one line and exit 2, and leaves the disk as it was."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.builders.artefacts import replace_by_folder
from tests.end_to_end.conftest import PAIR, TRAIN, Shell, one_line, snapshot

Document = dict[str, Any]
pytestmark = pytest.mark.usefixtures("reads_here")  # tests/hostile gives payloads to the other process


def edited(**changes: Any) -> Callable[[Document], None]:
    """An edit of the first labelled person of a JSON; a dotted key edits the photo."""

    def edit(document: Document) -> None:
        person = next(one for one in document["annotations"] if any(one["keypoints"]))
        person.update(changes)

    return edit


def all_people(**changes: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        for person in document["annotations"]:
            person.update(changes)

    return edit


def photo(**changes: Any) -> Callable[[Document], None]:
    return lambda document: document["images"][0].update(changes)


BROKEN_JSON: dict[str, tuple[Callable[[Document], object], str]] = {
    "no people": (lambda document: document["annotations"].clear(), "no people"),
    "no list of people": (lambda document: document.pop("annotations"), "'annotations'"),
    "no category with joints": (
        lambda document: document["categories"][0].pop("keypoints"),
        "keypoints",
    ),
    "a joint too few": (edited(keypoints=[1] * 48), "48 numbers"),
    "nobody labelled": (all_people(keypoints=[0] * 51), "no labelled joint: "),
    "crowds only": (all_people(iscrowd=1), "crowd: "),
    "a box that is not finite": (edited(bbox=[10, 10, math.nan, 40]), "box that is not finite"),
    "a box far away": (edited(bbox=[9000, 10, 10, 40]), "far outside"),
    "a box of three numbers": (edited(bbox=[1, 2, 3]), "bbox"),
    "a visibility of 3": (edited(keypoints=[5, 5, 3] * 17), "visibility"),
    "words for numbers": (edited(keypoints=["left"] * 51), "keypoints"),
    "an unknown photo": (edited(image_id=999), "image_id 999"),
    "an id given twice": (all_people(id=7), "annotation id 7"),
    "a photo outside of its folder": (photo(file_name="../../secret.jpg"), "leads out"),
    "a photo with a text as its width": (photo(width="320"), "width"),
    "a photo that is not there": (photo(file_name="gone.jpg"), "gone.jpg"),
    "another size than the photo's": (photo(width=321), "321 x "),
}


@pytest.mark.parametrize("fault", BROKEN_JSON)
def test_a_json_with_a_fault_is_refused_with_its_place(shell: Shell, fault: str) -> None:
    edit, words = BROKEN_JSON[fault]
    line = shell.refused("prepare", "--train", *shell.people(edit), "-o", "data")
    assert words in line
    assert "people.json" in line or "photo in " in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no valid JSON"),
        (b"{'images': []}", "no valid JSON"),
        (b'{"images": [', "no valid JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xd8\xff\xe0", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_coco_json_is_refused(shell: Shell, content: bytes, words: str) -> None:
    Path("people.json").write_bytes(content)
    assert words in shell.refused("prepare", "--train", "people.json", "drawn/train/photos", "-o", "data")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def _linked_away(path: Path) -> None:
    path.rename("elsewhere.jpg")
    path.symlink_to(Path("elsewhere.jpg").absolute())


BROKEN_PHOTO: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncated, "decoded"),
    "empty": (lambda path: path.write_bytes(b""), "no photo"),
    "text": (lambda path: path.write_text("<html>404</html>"), "no photo"),
    "of another size": (lambda path: Image.new("RGB", (50, 40)).save(path), "50 x 40"),
    "missing": (Path.unlink, "no such file"),
    "a folder": (replace_by_folder, "it is a folder"),
    "a link out of the folder": (_linked_away, "link"),
}


@pytest.mark.parametrize("fault", BROKEN_PHOTO)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_photo_with_a_fault_is_refused_with_its_name_and_a_person_of_it(
    shell: Shell, fault: str, workers: int
) -> None:
    shutil.copytree("drawn/train", "mine")
    victim = sorted(Path("mine/photos").iterdir())[4]
    break_it, words = BROKEN_PHOTO[fault]
    break_it(victim)
    line = shell.refused(
        "prepare", "--train", "mine/person_keypoints.json", "mine/photos", "-o", "data", "--workers", workers
    )
    assert words in line
    assert f"{victim} (annotation " in line


def test_splits_of_other_joints_are_refused(shell: Shell) -> None:
    def fewer(document: Document) -> None:
        document["categories"][0] |= {"keypoints": ["a", "b"], "skeleton": []}
        for person in document["annotations"]:
            del person["keypoints"][6:]

    train = ("drawn/train/person_keypoints.json", "drawn/train/photos")
    line = shell.refused("prepare", "--train", *train, "--val", *shell.people(fewer), "-o", "data")
    assert "people.json: 2 joints, 17 in drawn/train" in line


def test_a_person_with_a_fault_can_be_dropped_on_request(shell: Shell) -> None:
    people = shell.people(edited(bbox=[10, 10, math.nan, 40]))
    assert "--bad-people drop" in shell.refused("prepare", "--train", *people, "-o", "data")
    result = shell.json("prepare", "--train", *people, "-o", "data", "--crop-size", 128, "--bad-people", "drop")
    assert result["dropped"]["box that is not finite"] == 1


JSON, PHOTOS = PAIR.split()
REFUSED = {
    # What is given is not there, or is something else.
    f"prepare --train none.json {PHOTOS} -o x": "none.json: no such file",
    f"prepare --train {JSON} none -o x": "none: no such folder",
    f"prepare --train {PHOTOS} {JSON} -o x": "the JSON first",
    f"prepare --train {PHOTOS} {PHOTOS} -o x": "it is a folder",
    f"prepare --train {JSON} -o x": "in --train: ",
    f"prepare --train {JSON} drawn/val -o x": "the folder drawn/val/photos",
    "train none -o x": "wanted prepared data",
    "train . -o x": "no manifest.json in it",
    f"train {JSON} -o x": "it is a file",
    "train made/baseline -o x": "an hourglass, wanted prepared data",
    "train made/activations -o x": "activations, wanted prepared data",
    "extract made/data made/baseline -o x": "prepared data, wanted an hourglass",
    "extract made/autoencoder made/data -o x": "an autoencoder, wanted an hourglass",
    "pretrain-ae made/data -o x": "prepared data, wanted activations",
    "pretrain-ae made/baseline -o x": "an hourglass, wanted activations",
    "graft made/autoencoder made/baseline -o x": "an autoencoder, wanted an hourglass",
    "graft made/baseline made/activations -o x": "activations, wanted an autoencoder",
    "graft made/grafted made/autoencoder -o x": "autoencoder",
    "graft made/finetuned made/autoencoder -o x": "already",
    "finetune made/data made/grafted -o x": "prepared data, wanted an hourglass",
    "finetune made/autoencoder made/data -o x": "an autoencoder, wanted an hourglass",
    "evaluate made/data made/baseline": "wanted an hourglass",
    "evaluate made/baseline": "Missing argument",
    "evaluate made/baseline none made/data": "none: no such folder",
    "info none": "no such folder",
    "verify drawn": "no manifest.json in it",
    "import none.pth -o x": "none.pth: no such file",
    "import made/baseline -o x": "an artefact already",
    "import made/baseline/model.safetensors -o x": "shgae's own names",
    # Numbers and names that cannot be.
    f"prepare --train {PAIR} -o x --limit 0": "--limit: 0",
    f"prepare --train {PAIR} -o x --hold-out 10000": "10000 to hold",
    f"prepare --train {PAIR} --test {PAIR} -o x --hold-out 3": "--test",
    f"prepare --train {PAIR} -o x --crop-size 64": "--crop-size",
    f"prepare --train {PAIR} -o x --margin=-0.1": "--margin: -0.1",
    "train made/data -o x --limit 0": "--limit: 0",
    "train made/data -o x --epochs 0": "--epochs: 0",
    "train made/data -o x --lr nan": "--lr: NaN",
    "train made/data -o x --width 18": "--width: 18",
    "train made/data -o x --batch-size none": "--batch-size",
    "train made/data -o x --widht 16": "Possible options: --width",
    "train made/data made/data -o x": "extra argument",
    "train made/data -o": "'-o' requires an argument",
    "train made/data": "Missing option",
    "train": "Missing argument 'DATA'",
    "trian made/data -o x": "Did you mean 'train'",
    "train made/data -o x --device tpu": "'tpu'",
    "train made/data -o x --device cuda:99": "cuda:99",
    "train made/data -o x --config none.toml": "none.toml: no such file",
    f"train made/data -o x --config {JSON}": "not TOML",
    "train made/data -o x --recipe best": "'best'",
    "evaluate made/baseline made/data --split dev": "'dev'",
    # Outputs that cannot be.
    "train made/data -o made/data/manifest.json/x": "in the way",
    "train made/data -o made/data": "an input",
    "train made/data -o made --force": "output in made: ",
    "train made/data -o . --force": "output in .: ",
    "graft made/baseline made/autoencoder -o made/grafted": "a link",
    "graft made/baseline made/autoencoder -o drawn": "a link",
    "graft made/baseline made/autoencoder -o drawn/val --force": "is not an artefact",
    "graft made/baseline made/autoencoder -o made/baseline/manifest.json --force": "is not an artefact",
    f"prepare --train {PAIR} -o {PHOTOS} --force": "an input",
    f"prepare --train {PAIR} -o made/activations": "a link",
    "train made/data -o made/baseline": "a link",
    "train made/data -o made/baseline --resume": "a link",
    "extract made/baseline made/data -o made/activations --resume": "a link",
    "demo -o drawn": "output in drawn: ",
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_cannot_be_done_is_refused(shell: Shell, command: str) -> None:
    assert REFUSED[command] in shell.refused(*command.split())


def test_a_gpu_that_is_not_there_is_refused(shell: Shell) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for command in ("train made/data", "extract made/baseline made/data", "finetune made/baseline made/data"):
        line = shell.refused(*command.split(), "-o", "x", "--device", "cuda")
        assert "cuda:0 (GPUs that torch sees: 0)" in line and "--device cpu" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_fault_of_the_disk(shell: Shell) -> None:
    Path("closed").mkdir(mode=0o555)
    line = shell.refused("graft", "made/baseline", "made/autoencoder", "-o", "closed/x", code=5)
    assert "Permission denied" in line


def test_data_without_the_split_that_a_step_needs_is_refused(shell: Shell) -> None:
    alone = shell.train_only()
    for words in (("train", alone), ("train", alone, "--force"), ("train", alone, "--resume")):
        line = shell.refused(*words, "-o", "x")
        assert "split val in alone" in line and "--hold-out-val" in line
    shell.run("train", "made/data", "-o", "base", *TRAIN[:-1], 1)
    some = shell.json("prepare", "--train", *PAIR.split(), "--val", *PAIR.split(), "-o", "some", "--crop-size", 128)
    assert set(some["splits"]) == {"train", "val"}
    assert shell.json("evaluate", "base", "some")["split"] == "val", "where there is no test, val is scored"
    line = shell.refused("evaluate", "base", "some", "--split", "test")
    assert "split test in some" in line and "train, val" in line and "--hold-out" in line


def test_activations_without_a_val_split_are_refused(shell: Shell) -> None:
    shell.run("prepare", "--train", *PAIR.split(), "-o", "alone", "--crop-size", 128, "--limit", 4)
    shell.run("extract", "made/baseline", "alone", "-o", "activations")
    line = shell.refused("pretrain-ae", "activations", "-o", "x")
    assert "split val in activations" in line


@pytest.mark.parametrize("command", ["extract made/baseline", "finetune made/grafted", "evaluate made/baseline"])
def test_data_of_another_crop_size_is_refused_naming_both(shell: Shell, command: str) -> None:
    alone = shell.train_only()
    line = shell.refused(*command.split(), alone, *([] if "evaluate" in command else ["-o", "x"]))
    assert "128" in line and "256" in line


def test_scoring_or_tuning_on_other_joints_is_refused_naming_both(shell: Shell) -> None:
    def renamed(document: Document) -> None:
        document["categories"][0]["keypoints"] = [f"joint {i}" for i in range(17)]

    shell.run("prepare", "--train", *shell.people(renamed), "-o", "other", "--limit", 2, "--crop-size", 128)
    for words in (("evaluate", "made/baseline", "other"), ("finetune", "made/baseline", "other")):
        line = shell.refused(*words, "-o", "x")
        assert "(joint 1 is nose there, joint 0 here)" in line
        assert "--joint-mismatch reset" in line


def test_an_autoencoder_of_another_models_activations_is_refused_naming_both(shell: Shell) -> None:
    base = shell.json("train", "made/data", "-o", "base", *TRAIN, "--seed", 7, "--limit", 4)
    line = shell.refused("graft", "base", "made/autoencoder", "-o", "x")
    mine = shell.json("info", "made/baseline")["id"]
    assert mine[:12] in line and base["id"][:12] in line


def test_an_autoencoder_of_another_width_is_refused(shell: Shell) -> None:
    from shgae.models.autoencoder import ConvAutoencoder
    from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS

    dialect = next(one for one in CHECKPOINT_FORMATS if one.family == "the study's autoencoder")
    state = ConvAutoencoder(width=32, code_size=5, output="relu").state_dict()
    torch.save({dialect.name(ours): tensor for ours, tensor in state.items()}, "code.pth")
    shell.run("import", "code.pth", "-o", "code")
    line = shell.refused("graft", "made/baseline", "code", "-o", "x")
    assert "32" in line
    assert "16" in line


class _Payload:
    """What a pickle can hold: a program."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ran",)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("weights"), "not a checkpoint of tensors"),
    "a payload of the old format": (
        lambda path: torch.save({"state_dict": _Payload()}, path, _use_new_zipfile_serialization=False),
        "nothing of it was run",
    ),
    "a payload": (lambda path: torch.save({"state_dict": _Payload()}, path), "nothing of it was run"),
    "half of it": (
        lambda path: torch.save(
            {"pre_conv1.weight": torch.zeros(16, 3, 7, 7), "last_conv_2.weight": torch.zeros(17, 17, 1, 1)}, path
        ),
        "missing: pre_conv1.bias",
    ),
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_no_checkpoint_of_ours_or_the_studys_is_refused_and_not_run(shell: Shell, file: str) -> None:
    make, words = FILES[file]
    make(Path("weights.pth"))
    line = shell.refused("import", "weights.pth", "-o", "x")
    assert line.startswith(("error: checkpoint in weights.pth: ", "error: tensors in weights.pth: "))
    assert words in line
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "none", "-o", "x"], "none: no such folder"),
        (["--bogus"], "No such option: --bogus"),
        (["train", "made/data", "-o", "x", "--limit", "0"], "--limit: 0"),
    ],
)
def test_it_is_the_same_in_a_process_of_its_own(shell: Shell, words: list[str], said: str) -> None:
    before = snapshot(shell.here)
    done = shell.python(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in one_line(done.stderr)
    assert snapshot(shell.here) == before
