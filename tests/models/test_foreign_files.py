"""Files of weights that are refused by what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
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


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.int64, torch.uint8])
def test_weights_that_are_no_floats_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.save({"conv.weight": torch.ones(2, 2).to(dtype)}, tmp_path / "odd.pth")
    with pytest.raises(Refused, match=str(dtype).removeprefix("torch.")):
        read_foreign(tmp_path / "odd.pth")
