"""What a study consists of: ordinary artefacts in one folder, each made by the stage of its command.

::

    DIR/plan.json                   what was registered before all else, see registration
    DIR/activations                 the baseline's bottlenecks, for all seeds
    DIR/linear                      their principal components as an autoencoder (arm pca)
    DIR/seed-0/autoencoder          pre-trained (arms frozen, full and full+augment)
    DIR/seed-0/arm-full/grafted     the baseline with the arm's autoencoder; arms random, wide and code-N have their own
    DIR/seed-0/arm-full/finetuned   the arm
    DIR/seed-0/arm-full/scores      what it says about the people
    DIR/seed-0/arm-code-5/untuned   what its graft says before fine-tuning (with --code-sizes; of arm full too)
    DIR/rate                        PCK against the number of principal components (with --code-sizes)
    DIR/baseline/scores             what the baseline itself says about the people

Folders of before, arm-a to arm-e and parent, are gone on with where they are. A part is there if its manifest says so:
kind, every option, the ids of its parents. A folder alone is not enough.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shgae.evaluation.study_registration import StudyPlan
from shgae.execution import Execution, Progress
from shgae.experiments.part import Part
from shgae.experiments.study import arms, baselines, scores
from shgae.models.specs import AutoencoderSpec
from shgae.option_lists import ARMS, BASELINE, FULL, LETTERS, RANDOM, chosen_arms, code_sizes, size_of
from shgae.recipes import EvaluateConfig, ExtractConfig, RateConfig, StudyConfig
from shgae.stages import extract, finetune, graft, pretrain_ae, rate


@dataclass(frozen=True)
class Study:
    """All parts of a study, in the order in which they are made."""

    model: Path
    data: Path
    output: Path
    config: StudyConfig
    """With the precision resolved."""
    width: int
    """Channels of the baseline's bottleneck."""
    stack: int
    """The stack that carries the autoencoder: the baseline's last one."""
    split: Literal["val", "test"]
    """On whom the arms are compared."""
    registered: StudyPlan | None = None
    """What was fixed at the study's first call; None before that."""

    @property
    def plan(self) -> StudyPlan:
        """What was fixed, of a study that is registered."""
        assert self.registered is not None
        return self.registered

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms to compare."""
        return chosen_arms(self.config.arms)

    @property
    def primary(self) -> tuple[str, str] | None:
        """The registered comparison, or else the first fair one that the arms allow; None if they allow none."""
        if self.registered is not None:
            return self.registered.primary
        return next((pair for pair in arms.COMPARED if {*pair} <= {*self.arms}), None)

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of the primary comparison's arms."""
        return range(self.config.seed, self.config.seed + self.config.seeds)

    @property
    def other_seeds(self) -> Sequence[int]:
        """The seeds of the other arms: the first of all seeds."""
        return self.seeds[: self.config.other_seeds]

    @property
    def code_sizes(self) -> tuple[int, ...]:
        """The sizes of the code with which arm full is repeated."""
        return code_sizes(self.config.code_sizes)

    @property
    def code_seeds(self) -> Sequence[int]:
        """The seeds of these repetitions; no seed without any."""
        return self.seeds[: self.config.code_seeds] if self.code_sizes else range(0)

    def seeds_of(self, arm: str) -> Sequence[int]:
        """The seeds of an arm, or of a repetition ``code-N`` of arm full."""
        if size_of(arm):
            return self.code_seeds
        return self.seeds if arm in (self.primary or self.arms) else self.other_seeds

    def repetition(self, size: int) -> str:
        """The arm with a code of this size: arm full where it has this size, else ``code-N``."""
        is_there = (
            size == self.config.code_size and FULL in self.arms and len(self.seeds_of(FULL)) >= len(self.code_seeds)
        )
        return FULL if is_there else f"code-{size}"

    @property
    def repetitions(self) -> tuple[str, ...]:
        """What ``code_sizes`` adds to the arms."""
        return tuple(arm for arm in map(self.repetition, self.code_sizes) if arm != FULL)

    def finetuned(self, arm: str, seed: int) -> Path:
        """Where an arm's network lies."""
        return self._arm(arm, seed) / "finetuned"

    def scores(self, arm: str, seed: int) -> Path:
        """Where it lies what an arm's network says about the people."""
        return self._arm(arm, seed) / "scores"

    def untuned_scores(self, arm: str, seed: int) -> Path:
        """Where it lies what an arm's graft says about the people before fine-tuning."""
        return self._arm(arm, seed) / "untuned"

    @property
    def baseline_scores(self) -> Path:
        """Where it lies what the baseline says about the people."""
        return _known_as(self.output, BASELINE, "parent") / "scores"

    @property
    def activations(self) -> Path:
        """Where the baseline's bottlenecks lie."""
        return self.output / "activations"

    @property
    def rate(self) -> Path:
        """Where the curve over principal components lies."""
        return self.output / "rate"

    def name_of(self, part: Part) -> str:
        """The name of a part: its folder in the study's."""
        return part.path.relative_to(self.output).as_posix()

    def parts(self) -> list[Part]:
        """Everything, parents before children: trainings, the primary comparison's first, then what is scored."""
        made = {part.path: part for part in self._trainings()}
        return [*made.values(), *self._scorings()]

    def _trainings(self) -> Iterator[Part]:
        names = [*self.arms, *self.repetitions]
        kinds = {arms.arm_of(name).autoencoder for name in names}
        if self.code_sizes or kinds & {"linear", "pretrained"}:
            yield self._activations()
        if "linear" in kinds:
            yield self._linear()
        first = [name for name in names if name in (self.primary or ())]
        for group in (first, [name for name in names if name not in first]):
            for seed in self.seeds:
                for name in group:
                    if seed in self.seeds_of(name):
                        yield from self._training(name, seed)

    def _training(self, arm: str, seed: int) -> Iterator[Part]:
        model, kind = self.model, arms.arm_of(arm).autoencoder
        if kind != "none":
            model = self._arm(arm, seed) / "grafted"
            if kind == "random":
                yield self._random(seed)
            if kind == "pretrained":
                yield self._pretrained(arm, seed)
            yield self._graft(arm, seed, model)
        yield Part.by(
            finetune.run,
            {"model": model, "data": self.data},
            self.finetuned(arm, seed),
            arms.finetuning(arm, self.config, seed),
            step="finetune",
            what=f"fine-tuning ({ARMS.get(arm, ARMS[FULL])})",
            kind="hourglass",
            arm=arm,
            place=self._named(arm, seed),
        )

    def _scorings(self) -> Iterator[Part]:
        yield self._score(BASELINE, "", self.model, self.baseline_scores)
        for arm in (*self.arms, *self.repetitions):
            for seed in self.seeds_of(arm):
                yield self._score(arm, self._named(arm, seed), self.finetuned(arm, seed), self.scores(arm, seed))
        for arm in map(self.repetition, self.code_sizes):
            for seed in self.code_seeds:
                grafted = self._arm(arm, seed) / "grafted"
                yield self._score(arm, self._named(arm, seed), grafted, self.untuned_scores(arm, seed))
        if self.code_sizes:
            yield self._rate()

    def _activations(self) -> Part:
        return Part.by(
            extract.run,
            {"model": self.model, "data": self.data},
            self.activations,
            ExtractConfig(precision=self.config.precision, limit=self.config.limit),
            step="extract",
            what="the baseline's bottlenecks, for all seeds",
            kind="activations",
        )

    def _linear(self) -> Part:
        output, size = self.output / "linear", self.config.code_size
        return Part(
            step="linear",
            what=f"the first {size} principal components of the bottlenecks",
            path=output,
            kind="autoencoder",
            config=baselines.linear_config(size),
            parents={"activations": self.activations},
            run=lambda how: baselines.linear(self.activations, output, size, how),
            arm="pca",
        )

    def _pretrained(self, arm: str, seed: int) -> Part:
        return Part.by(
            pretrain_ae.run,
            {"activations": self.activations},
            self._autoencoder(arm, seed),
            arms.pretraining(arm, self.config, seed, self.width),
            step="pretrain",
            what="pre-training the autoencoder",
            kind="autoencoder",
            arm=arm if arms.has_own_autoencoder(arm) else "",
            place=self._named(arm, seed),
        )

    def _random(self, seed: int) -> Part:
        output = self._autoencoder(RANDOM, seed)
        spec = AutoencoderSpec.of(self.config.pretraining(seed), self.width)
        return Part(
            step="random",
            what="new weights",
            path=output,
            kind="autoencoder",
            config=baselines.random_config(spec, seed),
            parents={},
            run=lambda how: baselines.random(spec, seed, output, how),
            arm=RANDOM,
            place=self._named(RANDOM, seed),
        )

    def _graft(self, arm: str, seed: int, output: Path) -> Part:
        autoencoder = self._autoencoder(arm, seed)

        def run(how: Execution) -> object:
            # A random autoencoder knows nobody's activations, and is meant to: nothing to note.
            quiet = dataclasses.replace(how, progress=Progress()) if arm == RANDOM else how
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
            place=self._named(arm, seed),
        )

    def _score(self, arm: str, place: str, model: Path, output: Path) -> Part:
        return Part.by(
            scores.run,
            {"model": model, "data": self.data},
            output,
            EvaluateConfig(split=self.split, precision=self.config.precision, limit=self.config.limit),
            step="score",
            what=f"scoring on the {self.split} split" + (", before fine-tuning" if model.name == "grafted" else ""),
            kind="evaluation",
            arm=arm,
            place=place,
        )

    def _rate(self) -> Part:
        config = RateConfig(
            components=",".join(map(str, self.code_sizes)),
            split=self.split,
            precision=self.config.precision,
            limit=self.config.limit,
        )
        return Part.by(
            rate.run,
            {"model": self.model, "activations": self.activations, "data": self.data},
            self.rate,
            config,
            step="rate",
            what="PCK against the number of principal components",
            kind="rate",
        )

    def _named(self, arm: str, seed: int) -> str:
        return f"seed {seed} ({seed - self.config.seed + 1} of {len(self.seeds_of(arm))})"

    def _seed(self, seed: int) -> Path:
        return self.output / f"seed-{seed}"

    def _arm(self, arm: str, seed: int) -> Path:
        return _known_as(self._seed(seed), f"arm-{arm}", f"arm-{LETTERS.get(arm, arm)}")

    def _autoencoder(self, arm: str, seed: int) -> Path:
        """Where the autoencoder of an arm lies."""
        if arms.arm_of(arm).autoencoder == "linear":
            return self.output / "linear"
        return (self._arm(arm, seed) if arms.has_own_autoencoder(arm) else self._seed(seed)) / "autoencoder"


def _known_as(folder: Path, name: str, before: str) -> Path:
    """The folder inside, under the name that it had before where there is such a one."""
    return folder / (before if (folder / before).is_dir() else name)
