"""An exported file is run beside torch before it exists: what differs is refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models import exporting
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.stages import export
from tests.builders.exported import Exported

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

HOW, FORCE = Execution(), Execution(force=True)
Outputs = list[npt.NDArray[np.float32]]


def test_a_graph_of_other_weights_is_refused_and_leaves_what_was_there(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = exported.graph()
    weight = next(one for one in graph.graph.initializer if one.name.endswith("stem.conv.weight"))
    doctored = onnx.numpy_helper.to_array(weight) * np.float32(1.01)
    weight.CopyFrom(onnx.numpy_helper.from_array(doctored, weight.name))
    monkeypatch.setattr(export, "to_onnx", lambda *_: copy.deepcopy(graph))
    old, new = tmp_path / "old.onnx", tmp_path / "new.onnx"
    old.write_text("mine")
    for path, how in ((old, FORCE), (new, HOW)):
        with pytest.raises(Refused, match=r"output maps in a batch of 1 .* by 0\.\d+ "):
            export.run(exported.model, path, how)
    assert old.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [old]


def runs_through(change: Callable[[Outputs], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, onnxruntime's outputs (maps, code) are changed so."""
    true_session = onnxruntime.InferenceSession

    class Session:
        def __init__(self, *arguments: Any, **more: Any) -> None:
            self._session = true_session(*arguments, **more)

        def run(self, *arguments: Any) -> Outputs:
            found: Outputs = self._session.run(*arguments)
            change(found)
            return found

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)


def off_by(share: float, output: int, batch: int = 1) -> Callable[[Outputs], None]:
    """Moves one number of an output by this share of the largest, in batches of at least so many."""

    def change(found: Outputs) -> None:
        if len(found[output]) >= batch:
            found[output].ravel()[-1] += share * np.abs(found[output]).max()

    return change


def reshaped(found: Outputs) -> None:
    found[0] = found[0][:, :, :, :1]


CHANGES: dict[str, tuple[Callable[[Outputs], object], str]] = {
    "the maps": (off_by(2e-4, 0), r"output maps in a batch of 1 is off torch's by 0\.0002 of"),
    "the code": (off_by(-0.5, 1), r"output code in a batch of 1 is off torch's by 0\.5 of"),
    "the code of five images": (off_by(0.5, 1, batch=5), r"output code in a batch of 5 is off torch's by 0\.5 of"),
    "maps that are no numbers": (off_by(np.nan, 0), "output maps in a batch of 1 is off torch's by nan of"),
    "maps of another shape": (reshaped, "output maps in a batch of 1 is off torch's by inf of"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_output_that_differs_is_refused_by_name_and_nothing_is_left(
    quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    change, words = CHANGES[what]
    runs_through(change, monkeypatch)
    with pytest.raises(Refused, match=words):
        export.run(quick.model, tmp_path / "pose.onnx", HOW)
    assert list(tmp_path.iterdir()) == []


def test_a_difference_within_the_tolerance_is_told(
    quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_through(off_by(5e-5, 0), monkeypatch)
    result = export.run(quick.model, tmp_path / "pose.onnx", HOW)
    assert [differences["maps"] for differences in result.checked.values()] == pytest.approx([5e-5] * 3, rel=0.1)


def test_a_network_that_gives_no_numbers_is_refused(
    quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(path: Path) -> LoadedHourglass:
        loaded = load_hourglass(path)
        with torch.no_grad():
            loaded.module.hourglass().graft.to_code.bias.fill_(torch.inf)
        return loaded

    monkeypatch.setattr(export, "load_hourglass", diverged)
    with pytest.raises(Refused, match="not finite"):
        export.run(quick.model, tmp_path / "pose.onnx", HOW)
    assert list(tmp_path.iterdir()) == []


def test_a_code_of_dead_units_is_no_difference(
    quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_hourglass(quick.model)
    assert exporting._difference("code", np.zeros((2, 6)), np.zeros((2, 6)), loaded) == 0
    with pytest.raises(Refused):
        exporting._difference("code", np.zeros((2, 6)), np.full((2, 6), 0.001), loaded)
