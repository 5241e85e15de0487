"""Every file of every artefact, damaged: verify names it, and so does every command that reads it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from tests.end_to_end.conftest import one_line
from tests.faults.conftest import MAKES, STEPS, ProcessGroup, Result, Server
from tests.promises import Kept

NAMED = (
    "A file that was changed, cut, swapped or lost is named by verify, and by every command that reads it (exit 2; a "
    "note where no more than a note needs it)"
)
SAME = "The whole chain made twice, in two places, gives the same ids"
READERS = STEPS | {
    "evaluate": "evaluate made/baseline made/finetuned made/data --resamples 100",
    "splice": "splice made/baseline made/data --ae made/autoencoder --activations made/activations",
    "rate": "rate made/baseline made/activations made/data --ae made/autoencoder --components 0,1",
    "analyze": "analyze made/activations made/data made/autoencoder --parts spectrum",
    "predict": "predict made/baseline drawn/val/photos --limit 1 --no-overlays",
    "export": "export made/baseline",
    "show": "show made/data --dropped",
}
"""Commands whose inputs are artefacts of the chain."""
OUTPUTS = {"export": "x.onnx", "show": "x.png"}
OTHERWISE = {"prepare": " --margin 0.2", "train": " --seed 1", "pretrain-ae": " --seed 1", "finetune": " --seed 1"}
"""What makes another run of the same step."""


@pytest.fixture(scope="module")
def broken(world: ProcessGroup, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the chain that is damaged, and mended, over and over."""
    return world.copy(tmp_path_factory.mktemp("broken") / "here")


@pytest.fixture(scope="module")
def other(server: Server, world: ProcessGroup, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefacts of another run."""
    here = tmp_path_factory.mktemp("other")
    shutil.copytree(world.folder / "drawn", here / "drawn")
    for step, words in STEPS.items():
        assert server.run(here, f"{words}{OTHERWISE.get(step, '')} -o made/{MAKES[step]}").code == 0
    return here / "made"


def flip(path: Path) -> None:
    """Changes one bit somewhere."""
    content = bytearray(path.read_bytes())
    draw = random.Random(len(content))
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def taken(output: Path) -> bytes | str:
    """What a command made, the bytes of a file or the id of an artefact; it is taken away."""
    if output.is_file():
        found = output.read_bytes()
        output.unlink()
        return found
    made = open_artifact(output).id
    shutil.rmtree(output)
    return made


def cut(share: float, less: int = 0) -> Callable[[Path], None]:
    """Keeps the beginning."""
    return lambda path: os.truncate(path, int(path.stat().st_size * share) - less)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "lost": Path.unlink,
    "emptied": cut(0),
    "cut to one byte": lambda path: os.truncate(path, 1),
    "cut in half": cut(0.5),
    "without its last byte": cut(1, 1),
    "with one bit flipped": flip,
}


def files(made: Path) -> Iterator[Path]:
    """Every file of every artefact."""
    yield from sorted(path for path in made.rglob("*") if path.is_file())


def refused(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that must end with exit 2 and one line; returns that."""
    assert main([*words.split(), "--quiet"]) == 2, words
    return one_line(capsys.readouterr().err)


def artefact_of(path: Path, made: Path) -> tuple[str, str]:
    """The artefact that a file belongs to, and its name in there."""
    name, _, inside = path.relative_to(made).as_posix().partition("/")
    return name, inside


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_verify_names_every_damage_of_every_file_anywhere_up_the_chain(
    broken: Path, other: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kept: Kept
) -> None:
    monkeypatch.chdir(broken)
    made, tried = broken / "made", 0
    for path in list(files(made)):
        artefact, name = artefact_of(path, made)
        whole, swapped = path.read_bytes(), (other / artefact / name).read_bytes()
        swap = [lambda path, content=swapped: path.write_bytes(content)] if swapped != whole else []
        for damage in (*DAMAGES.values(), *swap):
            if name == "manifest.json" and damage in (flip, DAMAGES["without its last byte"]):
                continue  # provenance is no part of the id, the last byte no part of the JSON
            try:
                damage(path)
                line = refused("verify made/finetuned", capsys)
                assert f"made/{artefact}" in line
                # Without its manifest, or with that of another run, a folder is no longer that artefact.
                assert name in line or (name == "manifest.json" and damage in (Path.unlink, *swap)), line
            finally:
                path.unlink(missing_ok=True)
                path.write_bytes(whole)
            tried += 1
    assert main(["verify", "made/finetuned", "--quiet"]) == 0
    kept(NAMED, tried, "damages told by verify")


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("reader", READERS)
def test_a_bit_flipped_in_any_file_that_a_command_reads_is_named_by_it(
    server: Server, broken: Path, tmp_path: Path, kept: Kept, reader: str
) -> None:
    words = f"{READERS[reader]} -o {OUTPUTS.get(reader, 'x')}"
    undisturbed = server.run(broken, words)
    assert undisturbed.code == 0, undisturbed.err
    output = broken / OUTPUTS.get(reader, "x")
    sound = taken(output)
    read = {call.path for call in undisturbed.calls if call.kind == "read" and call.path.startswith("made/")}
    read = {path for path in read if (broken / path).is_file() and not path.endswith("/manifest.json")}
    before = {path: (broken / path).read_bytes() for path in sorted(read)}
    for path, whole in before.items():
        flip(broken / path)
        ended = server.run(broken, words)
        artefact, name = artefact_of(broken / path, broken / "made")
        if ended.code == 0 and name.endswith("people.safetensors"):  # read for the note on the mean pose only
            assert taken(output) == sound
        else:
            assert ended.code == 2, f"{path} is read by {reader}, and nothing was said"
            assert f"made/{artefact}" in ended.line()
            assert name in ended.line()
            assert not output.exists()
        (broken / path).write_bytes(whole)
    if read:
        kept(NAMED, len(read), "flipped bits told by the commands that read them")


def test_the_whole_chain_in_another_place_gives_the_same_ids(
    server: Server, world: ProcessGroup, tmp_path: Path, kept: Kept
) -> None:
    here = tmp_path / "a place with a longer name" / "here"
    here.mkdir(parents=True)
    shutil.copytree(world.folder / "drawn", here / "drawn")
    for step, words in STEPS.items():
        assert server.run(here, f"{words} -o made/{MAKES[step]}").code == 0
        assert Result.of(here / "made" / MAKES[step]) == world.result(step)
    kept(SAME, len(STEPS), "artefacts")
