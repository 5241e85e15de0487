"""A run that was begun on one machine goes on with another: in the same number format, to the same artefact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shgae.artifacts.store import Artifact
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution
from shgae.inference import device
from shgae.stages import extract, pretrain_ae, train
from tests.builders.chain import Chain, Notes
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT

STEPS: dict[str, Callable[[Chain, Path, Execution], Artifact]] = {
    "train": lambda at, out, how: train.run(at.data, out, replace(TINY, precision="auto"), how).artifact,
    "extract": lambda at, out, how: (
        extract.run(at.baseline, at.data, out, replace(TINY_EXTRACT, precision="auto"), how).artifact
    ),
    "pretrain-ae": lambda at, out, how: (
        pretrain_ae.run(at.activations, out, replace(TINY_AE, precision="auto"), how).artifact
    ),
}


def native(monkeypatch: pytest.MonkeyPatch, is_bf16: bool) -> None:
    """A CPU that multiplies bf16, or not."""
    monkeypatch.setattr(device, "multiplies_bf16", lambda _device: is_bf16)


@pytest.mark.parametrize("step", STEPS)
def test_a_resumed_run_keeps_the_number_format_in_which_it_was_begun(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run, notes = STEPS[step], Notes()
    native(monkeypatch, True)
    whole = run(chain, tmp_path / "whole", Execution())
    with pytest.raises(Interrupted):
        run(chain, tmp_path / "torn", Execution(stop=StopAfter(2)))
    native(monkeypatch, False)
    resumed = run(chain, tmp_path / "torn", Execution(resume=True, progress=notes))
    assert (resumed.config["precision"], resumed.id) == ("bf16", whole.id)
    assert sum(note.startswith("note: going on in bf16") for note in notes.said) == 1


def test_another_number_format_that_is_asked_for_is_refused(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native(monkeypatch, True)
    with pytest.raises(Interrupted):
        STEPS["train"](chain, tmp_path / "torn", Execution(stop=StopAfter(2)))
    with pytest.raises(Refused, match="precision: fp32 here, bf16 there"):
        train.run(chain.data, tmp_path / "torn", TINY, Execution(resume=True))
