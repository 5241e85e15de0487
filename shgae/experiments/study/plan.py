"""What a study consists of: ordinary artefacts in one folder, each made by the stage of its command.

::

    DIR/activations                 the baseline's bottlenecks, for all seeds
    DIR/linear                      their principal components as an autoencoder (arm pca)
    DIR/baseline/scores             what the baseline itself says about the people
    DIR/seed-0/autoencoder          pre-trained (arms frozen and full)
    DIR/seed-0/arm-full/grafted     the baseline with the arm's autoencoder; arm random has its own next to it
    DIR/seed-0/arm-full/finetuned   the arm
    DIR/seed-0/arm-full/scores      what it says about the people

Folders of before, arm-a to arm-e and parent, are gone on with where they are. A part is there if its manifest says so:
kind, every option, the ids of its parents. A folder alone is not enough.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shgae.errors import Refused
from shgae.evaluation.study_report import ARMS, BASELINE, FROZEN, FULL, LETTERS, NONE, PCA, RANDOM
from shgae.execution import Execution, Silent
from shgae.experiments.part import Part
from shgae.experiments.study import baselines, scores
from shgae.recipes import EvaluateConfig, ExtractConfig, StudyConfig, as_json
from shgae.stages import extract, finetune, graft, pretrain_ae


def chosen(arms: str) -> tuple[str, ...]:
    """The arms of an option like ``none,full`` (or ``a,e``), each once, in the order of :data:`ARMS`.

    Raises:
        Refused: there is no such arm, or none is named.
    """
    of_letter = {letter: name for name, letter in LETTERS.items()}
    names = [of_letter.get(name.strip(), name.strip()) for name in arms.split(",") if name.strip()]
    unknown = [name for name in names if name not in ARMS]
    if unknown or not names:
        why = f"{unknown[0]!r} is not an arm" if unknown else "no arm is named"
        raise Refused("value", "--arms", why, f"--arms {','.join(ARMS)}")
    return tuple(arm for arm in ARMS if arm in names)


@dataclass(frozen=True)
class Plan:
    """All parts of a study, in the order in which they are made."""

    model: Path
    data: Path
    output: Path
    config: StudyConfig
    """With the precision resolved."""
    width: int
    """Channels of the parent's bottleneck."""
    stack: int
    """The stack that carries the autoencoder: the parent's last one."""
    split: Literal["val", "test"]
    """On whom the arms are compared."""

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms to compare."""
        return chosen(self.config.arms)

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the runs."""
        return range(self.config.seed, self.config.seed + self.config.seeds)

    def finetuned(self, arm: str, seed: int) -> Path:
        """Where an arm's network lies."""
        return self._arm(arm, seed) / "finetuned"

    def scores(self, arm: str, seed: int) -> Path:
        """Where it lies what an arm's network says about the people."""
        return self._arm(arm, seed) / "scores"

    @property
    def baseline_scores(self) -> Path:
        """Where it lies what the baseline says about the people."""
        return _known_as(self.output, BASELINE, "parent") / "scores"

    def parts(self) -> list[Part]:
        """Everything, parents before children."""
        parts = [self._score(BASELINE, "", self.model, self.baseline_scores)]
        if set(self.arms) & {PCA, FROZEN, FULL}:
            parts.append(self._activations())
        if PCA in self.arms:
            parts.append(self._linear())
        for seed in self.seeds:
            if set(self.arms) & {FROZEN, FULL}:
                parts.append(self._autoencoder(seed))
            for arm in self.arms:
                parts += self._parts_of(arm, seed)
        return parts

    def _parts_of(self, arm: str, seed: int) -> Iterator[Part]:
        config = self.config.finetuning(seed, "autoencoder" if arm == FROZEN else "all")
        model = self.model
        if arm != NONE:
            model = self._arm(arm, seed) / "grafted"
            if arm == RANDOM:
                yield self._random(seed)
            yield self._graft(arm, seed, model)
        output = self.finetuned(arm, seed)
        yield Part(
            step="finetune",
            what=f"fine-tuning ({ARMS[arm]})",
            path=output,
            kind="hourglass",
            config=as_json(config),
            parents={"model": model, "data": self.data},
            run=lambda how: finetune.run(model, self.data, output, config, how),
            arm=arm,
            place=self._named(seed),
        )
        yield self._score(arm, self._named(seed), output, self.scores(arm, seed))

    def _activations(self) -> Part:
        output = self.output / "activations"
        config = ExtractConfig(precision=self.config.precision, limit=self.config.limit)
        return Part(
            step="extract",
            what="the baseline's bottlenecks, for all seeds",
            path=output,
            kind="activations",
            config=as_json(config),
            parents={"model": self.model, "data": self.data},
            run=lambda how: extract.run(self.model, self.data, output, config, how),
        )

    def _linear(self) -> Part:
        output, size = self.output / "linear", self.config.code_size
        activations = self.output / "activations"
        return Part(
            step="linear",
            what=f"the first {size} principal components of the bottlenecks",
            path=output,
            kind="autoencoder",
            config=baselines.linear_config(size),
            parents={"activations": activations},
            run=lambda how: baselines.linear(activations, output, size, how),
            arm=PCA,
        )

    def _autoencoder(self, seed: int) -> Part:
        output, config = self._seed(seed) / "autoencoder", self.config.pretraining(seed)
        activations = self.output / "activations"
        return Part(
            step="pretrain",
            what="pre-training the autoencoder",
            path=output,
            kind="autoencoder",
            config=as_json(config),
            parents={"activations": activations},
            run=lambda how: pretrain_ae.run(activations, output, config, how),
            place=self._named(seed),
        )

    def _random(self, seed: int) -> Part:
        output = self._arm(RANDOM, seed) / "autoencoder"
        config = self.config.pretraining(seed)
        spec = baselines.spec_of(self.width, config)
        return Part(
            step="random",
            what="new weights",
            path=output,
            kind="autoencoder",
            config=baselines.random_config(spec, seed),
            parents={},
            run=lambda how: baselines.random(spec, seed, output, how),
            arm=RANDOM,
            place=self._named(seed),
        )

    def _graft(self, arm: str, seed: int, output: Path) -> Part:
        ours = {RANDOM: self._arm(arm, seed) / "autoencoder", PCA: self.output / "linear"}
        autoencoder = ours.get(arm, self._seed(seed) / "autoencoder")

        def run(how: Execution) -> object:
            # A random autoencoder knows nobody's activations, and is meant to: nothing to note.
            quiet = dataclasses.replace(how, progress=Silent()) if arm == RANDOM else how
            return graft.run(self.model, [autoencoder], output, quiet)

        return Part(
            step="graft",
            what="grafting",
            path=output,
            kind="hourglass",
            config={"stacks": [self.stack]},
            parents={"model": self.model, "autoencoder": autoencoder},
            run=run,
            arm=arm,
            place=self._named(seed),
        )

    def _score(self, arm: str, place: str, model: Path, output: Path) -> Part:
        config = EvaluateConfig(split=self.split, precision=self.config.precision, limit=self.config.limit)
        return Part(
            step="score",
            what=f"scoring on the {self.split} split",
            path=output,
            kind="evaluation",
            config=as_json(config),
            parents={"data": self.data, "model": model},
            run=lambda how: scores.run(model, self.data, output, config, how),
            arm=arm,
            place=place,
        )

    def _named(self, seed: int) -> str:
        return f"seed {seed - self.config.seed + 1} of {self.config.seeds}"

    def _seed(self, seed: int) -> Path:
        return self.output / f"seed-{seed}"

    def _arm(self, arm: str, seed: int) -> Path:
        return _known_as(self._seed(seed), f"arm-{arm}", f"arm-{LETTERS[arm]}")


def _known_as(folder: Path, name: str, before: str) -> Path:
    """The folder inside, under the name that it had before where there is such a one."""
    return folder / (before if (folder / before).is_dir() else name)
