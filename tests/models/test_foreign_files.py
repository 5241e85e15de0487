"""Files of weights that are refused by what they are."""

from __future__ import annotations

import io
import pickle  # noqa: TID251
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.foreign import read_foreign


def test_a_missing_file_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_read_in_child", lambda *_: pytest.fail("a child was started"))
    for path, why in ((tmp_path / "no.pth", "no such file"), (tmp_path, "it is a folder, wanted a .pth")):
        with pytest.raises(Refused, match=why):
            read_foreign(path)


def test_for_a_folder_the_weights_in_it_are_named(tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "config.json"):
        (tmp_path / name).touch()
    with pytest.raises(Refused) as refused:
        read_foreign(tmp_path)
    assert refused.value.fix == str(tmp_path / "pytorch_model.bin")
    for name in ("a.pth", "b.safetensors", "c.ckpt"):
        (tmp_path / name).touch()
    (tmp_path / "d.pth").mkdir()
    with pytest.raises(Refused) as refused:
        read_foreign(tmp_path)
    named = (tmp_path / name for name in ("a.pth", "b.safetensors", "c.ckpt"))
    assert refused.value.fix == " or ".join(map(str, named)) + ", ..."


def test_a_folder_of_ours_is_called_a_model_already(tmp_path: Path) -> None:
    for name in ("model.safetensors", "manifest.json"):
        (tmp_path / name).touch()
    with pytest.raises(Refused, match="an artefact already, wanted a .pth") as refused:
        read_foreign(tmp_path)
    assert refused.value.fix == f"{tmp_path} itself, where a command takes such an artefact"


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.int64, torch.uint8])
def test_weights_that_are_no_floats_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.save({"conv.weight": torch.ones(2, 2).to(dtype)}, tmp_path / "odd.pth")
    with pytest.raises(Refused, match=str(dtype).removeprefix("torch.")):
        read_foreign(tmp_path / "odd.pth")


def saved(**options: Any) -> bytes:
    file = io.BytesIO()
    torch.save({"conv.weight": torch.ones(20, 20)}, file, **options)
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, bytes(99))
    return file.getvalue()


OLD = {"_use_new_zipfile_serialization": False}
AGAIN, WEB_PAGE = "copy or download it again", "a download that failed|download failed.*fetch the file again"
IMPORTED = "torch.save.model.state_dict"


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:pickle_load_args only works")
@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (saved(pickle_protocol=4), "pickle_protocol=4.* Try: save it again without pickle_protocol"),
        (saved(pickle_protocol=5, **OLD), "pickle_protocol=5.* Try: save it again without"),
        (pickle.dumps({"conv.weight": torch.ones(2)}), f"Python's pickle wrote it, and not torch.save.* {IMPORTED}"),
        (pickle.dumps({"conv.weight": torch.ones(2)}, 2), f"Python's pickle wrote it, and not.* {IMPORTED}"),
        (saved()[:-400], f"cut off.* {AGAIN}"),
        (saved()[:40], f"cut off.* {AGAIN}"),
        (saved(**OLD)[:-400], f"cut off.* {AGAIN}"),
        (saved().replace(b"\n", b"\r\n"), f"(cut off|damaged).* {AGAIN}"),
        (safetensors.torch.save({"w": torch.ones(99)})[:-4], f"no safetensors file .392 bytes.* {AGAIN}"),
        (zipped("README.md"), "a ZIP that torch.save did not make"),
        (zipped("folder/README.md"), "a ZIP that torch.save did not make"),
        (zipped("BEST.PTH"), "a ZIP with a checkpoint in it.* Try: unzip it"),
        (b"7z\xbc\xaf\x27\x1c", "compressed"),
        (b"Rar!\x1a\x07", "compressed"),
        (b"\x04\x22\x4d\x18", "compressed"),
        (b"GGUF\3\0\0\0", "a GGUF file"),
        (b"MATLAB 5.0 MAT-file, Platform", "a file of MATLAB"),
        (b"4\n1\n3\nV 1\n13\nnn.gModule\n", "a Torch7 file"),
        (b"\x08\x07\x12\x05torch\x1a", "an ONNX graph"),
        (b"\n<!-- a comment\n of two lines --><html>", WEB_PAGE),
        (b"<head><title>", WEB_PAGE),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', WEB_PAGE),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied', WEB_PAGE),
        (b"<Error><Code>AccessDenied", WEB_PAGE),
        (b'{"error": {"code": 404}}', WEB_PAGE),
        (b"Not Found", WEB_PAGE),
        (b'<?xml version="1.0"?>\n<net name="hg" version="11">', "a graph of OpenVINO.* Try: a PyTorch version"),
    ],
)
def test_a_file_that_is_not_a_whole_checkpoint_of_torchs_is_called_what_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    for name in ("x.pth", "x"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Refused, match=words):
            read_foreign(tmp_path / name)


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "pytorch_model-00002-of-00010.bin"])
def test_a_shard_is_called_one_and_the_line_that_joins_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save: Any = safetensors.torch.save_file if name.endswith("safetensors") else torch.save
    for part, file in (("a", name), ("b", name.replace("-0000", "-0001"))):
        save({f"{part}.weight": torch.ones(2)}, file)
    index = Path(f"{name.partition('-')[0]}.{name.rpartition('.')[2]}.index.json")
    index.write_text('{"metadata": {"total_size": 9}, "weight_map": {}}')
    with pytest.raises(Refused, match="the index of shards") as of_index:
        read_foreign(index)
    with pytest.raises(Refused, match="one of (2|10) shards") as refused:
        read_foreign(Path(name))
    assert of_index.value.fix == refused.value.fix
    exec(f"import glob, safetensors.torch, torch; {refused.value.fix.partition(': ')[2]}")  # noqa: S102
    assert torch.load("all.pth").keys() == {"a.weight", "b.weight"}


@pytest.mark.usefixtures("reads_here")
def test_the_only_shard_is_a_checkpoint(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a.weight": torch.ones(2)}, tmp_path / "model-00001-of-00001.safetensors")
    with pytest.raises(Refused, match="of no known family"):
        read_foreign(tmp_path / "model-00001-of-00001.safetensors")
