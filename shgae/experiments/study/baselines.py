"""Autoencoders that nobody trained: principal components as a linear one, and the study's with new weights.

Both are ordinary autoencoder artefacts, so they can be grafted, shown and verified like a pre-trained one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shgae.analysis.pca import Components, components_of
from shgae.arrays import Array
from shgae.artifacts.activations import Activations
from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.execution import Execution
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, state_arrays, tensor_shapes

_ROWS_AT_ONCE = 1024


def linear_config(code_size: int) -> dict[str, Any]:
    """What the manifest of :func:`linear` says of how it was made."""
    return {"weights": "principal components", "code_size": code_size}


def linear(activations: Path, output: Path, code_size: int, execution: Execution) -> Artifact:
    """Writes the linear autoencoder that projects on the first principal components of the training bottlenecks.

    Args:
        activations: bottleneck tensors with a train split; of several stacks, the last one's are taken.
        output: the folder to make.
        code_size: how many components.
        execution: force, progress and the wish to stop.

    Raises:
        Refused: no activations, or no such code size.
        Interrupted: a signal came; nothing is written.
    """
    source = open_artifact(activations, "activations", only=("train/",), execution=execution)
    rows = Activations(source, "train")
    spec = AutoencoderSpec(width=int(source.facts["shape"][0]), code_size=code_size, family="linear")
    parents = {"activations": source}
    with new_artifact(
        output, kind="autoencoder", config=linear_config(code_size), parents=parents, execution=execution
    ) as made:
        found = components_of(rows.mean(), rows.read, len(rows), execution, where=output, at_once=_ROWS_AT_ONCE)
        made.write_tensors(MODEL, projection(found, code_size))
        share = float(found.variances[:code_size].sum() / max(found.variances.sum(), np.finfo(float).tiny))
        facts = {"people": len(rows), "variance_explained": share, "stacks": list(rows.stacks)}
        facts |= {"model_stacks": int(source.facts.get("model_stacks", 0))}
        return made.commit(_facts(spec) | facts)


def projection(components: Components, code_size: int) -> dict[str, Array]:
    """The weights of the linear autoencoder that projects on the first components, by name, float32: of D numbers on
    ``code_size``, ``to_code`` (code_size, D) and (code_size,), ``from_code`` (D, code_size) and (D,)."""
    directions = components.directions[:code_size]
    return {
        "to_code.weight": directions.copy(),
        "to_code.bias": (-directions.astype(np.float64) @ components.mean).astype(np.float32),
        "from_code.weight": directions.T.copy(),
        "from_code.bias": components.mean.astype(np.float32),
    }


def random_config(spec: AutoencoderSpec, seed: int) -> dict[str, Any]:
    """What the manifest of :func:`random` says of how it was made."""
    return {"weights": "random", **spec.to_json(), "seed": seed}


def random(spec: AutoencoderSpec, seed: int, output: Path, execution: Execution) -> Artifact:
    """Writes an autoencoder with new Glorot normal weights: those that pre-training with this seed would begin with."""
    with new_artifact(
        output, kind="autoencoder", config=random_config(spec, seed), parents={}, execution=execution
    ) as made:
        made.write_tensors(MODEL, state_arrays(build_autoencoder(spec, seed)))
        return made.commit(_facts(spec))


def _facts(spec: AutoencoderSpec) -> dict[str, Any]:
    parameters = sum(int(np.prod(shape)) for shape in tensor_shapes(spec).values())
    return {"made_by": "study", "spec": spec.to_json(), "parameters": parameters}
