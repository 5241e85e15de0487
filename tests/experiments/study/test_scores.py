"""Cells that a study wrote are read back, and only those of its own people's maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.crops import read_people
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments.study import scores
from shgae.recipes import EvaluateConfig
from tests.builders.chain import Chain
from tests.builders.forged import forged, poisoned

FILE = "cells.safetensors"
CONFIG = EvaluateConfig(split="val", precision="fp32", batch_size=4)


@pytest.fixture(scope="module")
def scored(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("scored") / "scores"
    scores.run(chain.baseline, chain.data, output, CONFIG, Execution())
    return output


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "left of the map": poisoned(-1, "cells"),
    "right of the map": poisoned(32, "cells"),
    "far away": poisoned(2**62, "cells"),
    "no height": poisoned(np.nan, "score"),
    "other people": lambda tensors: tensors.update({name: array[1:] for name, array in tensors.items()}),
    "fractions": lambda tensors: tensors.update(cells=tensors["cells"].astype(np.float64)),
    "none": lambda tensors: tensors.pop("cells"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_cells_that_no_network_says_of_these_people_are_refused(
    change: str, chain: Chain, scored: Path, tmp_path: Path
) -> None:
    people = read_people(open_artifact(chain.data), "val")
    assert scores.read(scored, people, 128).share.shape == (len(people), 3)
    path = forged(scored, tmp_path / "scores", FILE, CHANGES[change])
    with pytest.raises(Refused) as refused:
        scores.read(path, people, 128)
    assert refused.value.where == str(path / FILE)
