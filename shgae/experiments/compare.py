"""``shgae compare``: predictions of arms that were trained anywhere, run by run, in the form of a study's report."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.arrays import Bools, Ints
from shgae.artifacts.compatibility import categories_of, scored_split
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.input_file import typed_path
from shgae.artifacts.manifest import DIFFERENCES
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.errors import Refused
from shgae.evaluation.matching import sigmas_for
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import read_predictions
from shgae.evaluation.study_differences import ArmComparison, Detectable, JointTest
from shgae.evaluation.study_report import STUDY, ArmResult, StudyReport, verdict_of
from shgae.execution import Execution
from shgae.experiments.study import scores
from shgae.experiments.study.arms import Pair
from shgae.experiments.study.differences import Pairing, compared, differences, mean_pck
from shgae.experiments.study.report import write_report
from shgae.inference.torch_settings import settled
from shgae.metrics import pck
from shgae.metrics.comparison import by_joint
from shgae.metrics.people import People
from shgae.metrics.power import minimum_detectable, spread_over_photos
from shgae.metrics.statistics import ROUNDING, VERDICT_PHOTOS
from shgae.option_lists import BASELINE
from shgae.recipe_parts import CompareConfig
from shgae.recipes import as_json
from shgae.reporting import study
from shgae.skeleton import Skeleton
from shgae.wording import counted

_FIX = "--arm NAME=FILE,FILE"
_MOST_LETTERS = 60
_NOWHERE = -(10**6)
"""A cell that is near to none."""


@dataclass(frozen=True)
class GivenArm:
    """What is compared: one module or way of training."""

    name: str
    files: tuple[Path, ...]
    """One a run: predictions in COCO's results format, or the folder of scores that a study keeps of a run."""

    @classmethod
    def parse(cls, text: str) -> GivenArm:
        """Of ``NAME=FILE,FILE``; a file of which the name has a comma may be the only one.

        Raises:
            Refused: it has no name or no file.
        """
        name, _, paths = text.partition("=")
        one = typed_path(paths)
        files = (one,) if paths and one.exists() else tuple(map(typed_path, filter(None, paths.split(","))))
        if not name.strip() or not name.isprintable() or len(name) > _MOST_LETTERS or not files:
            raise Refused("--arm", text, "not a name, =, and files with commas between them", _FIX)
        return cls(name, files)


@dataclass(frozen=True)
class CompareResult:
    """A finished comparison."""

    artifact: Artifact
    report: StudyReport

    def to_json(self) -> dict[str, Any]:
        return self.artifact.to_json() | {"conclusion": study.conclusion(self.report)} | STUDY.to_json(self.report)


@dataclass(frozen=True, eq=False)
class _Run:
    """One run of an arm."""

    sha256: str
    """Of the file; of a folder its id."""
    folder: Artifact | None
    cells_sha256: str
    """Of all that it predicts, on which two runs do not agree, however their files are written."""
    hits: Bools
    """(N, K) joints found, by the study's rule."""
    scores: scores.RunScores


@dataclass(frozen=True, eq=False)
class _Bench:
    """The people that all arms are scored on."""

    data: Artifact
    split: str
    limit: int | None
    crops: Crops
    people: People

    @classmethod
    def of(cls, data: Path, config: CompareConfig, sigmas: Path | None, execution: Execution) -> _Bench:
        prepared = open_artifact(data, "data", verify=False)
        split = scored_split(prepared, config.split)
        verify_files(prepared, (f"{split}/",), execution)
        skeleton = Skeleton.from_json(prepared.facts["skeleton"])
        given = sigmas_for(skeleton.names, sigmas)
        crops = Crops(prepared, split, config.limit)
        return cls(prepared, split, config.limit, crops, people_of(crops, skeleton, given))

    def run(self, path: Path, execution: Execution) -> _Run:
        """Scores one file or folder."""
        if path.is_dir():
            return self._scored(*self._of_study(path))
        categories = categories_of(self.data, self.split)
        file = read_predictions(path, path.stem, self.crops, self.people.sigmas, categories)
        for note in file.notes():
            execution.progress.note(note)
        cells = np.where(file.predictions.joints_found[..., None], file.predictions.cells, _NOWHERE)
        return self._scored(cells, file.sha256, None)

    def _of_study(self, path: Path) -> tuple[npt.NDArray[np.int64], str, Artifact]:
        found = open_artifact(path, "evaluation")
        facts, parents = found.facts, {parent.role: parent.id for parent in found.manifest.parents}
        of = (parents.get("data"), facts.get("split"), found.manifest.config.get("limit"))
        if facts.get("made_by") != "study":
            fix = "its predictions-NAME.json"
            raise Refused("--arm", path, "an evaluation, of which a file of predictions is wanted", fix)
        if of != (self.data.id, self.split, self.limit):
            why = f"it scores other people than {self.split} of {self.data.path}"
            raise Refused("--arm", path, why, "the data, --split and --limit of that study")
        return scores.read_cells(found, self.people.visibility.shape, self.people.map_size), found.id, found

    def _scored(self, cells: npt.NDArray[np.int64], sha256: str, folder: Artifact | None) -> _Run:
        true, visibility, size = self.people.cells, self.people.cell_visibility, self.people.map_size
        hits = pck.hits(cells, true, size)
        said = hashlib.sha256(cells.tobytes()).hexdigest()
        return _Run(sha256, folder, said, hits, scores.score(cells, true, np.asarray(visibility, np.uint8), size))


@settled()
def run(
    arms: Sequence[GivenArm],
    data: Path,
    output: Path,
    config: CompareConfig,
    execution: Execution,
    *,
    baseline: str | None = None,
    primary: str | None = None,
    sigmas: Path | None = None,
) -> CompareResult:
    """Compares arms on the same people, as a study compares its own.

    Runs are pairs only where the config says so: in another order of the files they would be others. Nothing is known
    of how the arms were trained, and the report says so.

    Args:
        arms: two or more, each with one run or more.
        data: prepared data that the predictions are of.
        output: the folder to make: report, tables and ``differences.png``.
        config: split, margin, number of people.
        execution: progress, force.
        baseline: the arm that all others are compared with; None takes the first one.
        primary: the arm of which the difference to the baseline has the verdict; None takes the first other one.
        sigmas: JSON of OKS's sigmas, for results that do not say whom they are of; None takes COCO's for its joints.

    Raises:
        Refused: fewer than two arms, two of one name, no such baseline, pairs asked for that no two arms can have, a
            run that is twice in an arm, or predictions that are not of these people.
    """
    base, first = _asked(arms, baseline, primary, config.paired)
    bench = _Bench.of(data, config, sigmas, execution)
    runs: dict[str, list[_Run]] = {}
    execution.progress.start("scoring", sum(len(arm.files) for arm in arms), "files")
    for arm in arms:
        runs[arm.name] = []
        for path in arm.files:
            one = bench.run(path, execution)
            if one.cells_sha256 in {other.cells_sha256 for other in runs[arm.name]}:
                why = f"arm {arm.name} has these predictions already, and a run counted twice narrows its interval"
                raise Refused("--arm", path, why, "each run once")
            runs[arm.name].append(one)
            execution.progress.advance()
            execution.stop.raise_if_set(output, "the same command again", saved=False)
    execution.progress.finish()
    report = _report(bench, runs, (first, base), config)
    named = {"baseline": base, "primary": first, "arms": {arm: [one.sha256 for one in of] for arm, of in runs.items()}}
    named |= {} if sigmas is None or bench.people.sigmas is None else {"sigmas": bench.people.sigmas.tolist()}
    parents = {"data": bench.data}
    parents |= {f"arm {arm}, run {i}": one.folder for arm, of in runs.items() for i, one in enumerate(of) if one.folder}
    inputs = [path for arm in arms for path in arm.files] + ([sigmas] if sigmas else [])
    how = as_json(config) | {"split": bench.split} | named
    with new_artifact(output, kind="study", config=how, parents=parents, execution=execution, inputs=inputs) as draft:
        write_report(draft, report, execution)
        facts = {"split": report.split, "persons": report.persons, "arms": [*runs], "verdict": report.verdict.value}
        artifact = draft.commit(facts, volatile=(DIFFERENCES,))
    return CompareResult(artifact, report)


def _asked(arms: Sequence[GivenArm], baseline: str | None, primary: str | None, paired: bool) -> Pair:
    """The baseline and the primary arm; raises :class:`Refused` for arms or options that allow none."""
    names = [arm.name for arm in arms]
    if len(arms) < 2:
        raise Refused("--arm", "the options", f"{counted(len(arms), 'arm')}, a comparison needs two", _FIX + ", twice")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Refused("--arm", twice[0], "given twice", "another name, or its files after one another, with commas")
    if paired and len({len(arm.files) for arm in arms}) == len(arms):
        why = "no two arms have equally many runs, so none are pairs"
        raise Refused("--paired", "the options", why, "as many files for each arm, or no --paired")
    base = names[0] if baseline is None else baseline
    others = [name for name in names if name not in (base, BASELINE)]
    first = next(iter(others), base) if primary is None else primary
    for option, name in (("--baseline", base), ("--primary", first)):
        if name not in names:
            raise Refused(option, name, f"no such arm (there are {', '.join(names)})", f"{option} {names[0]}")
    alone = [arm for arm in arms if arm.name == BASELINE]
    if BASELINE in (base, first) or first == base or any(len(arm.files) > 1 for arm in alone):
        why = f"an arm called {BASELINE} is the network before any training, with one run"
        why = why if BASELINE in names else "it is the baseline and the primary arm at once"
        raise Refused("--arm", first if first == base else BASELINE, why, "another name for the arm, or --primary")
    return base, first


def _report(bench: _Bench, runs: dict[str, list[_Run]], primary: Pair, config: CompareConfig) -> StudyReport:
    by_arm = {arm: [one.scores for one in of] for arm, of in runs.items()}
    base = primary[1]
    stars = [(arm, base) for arm in runs if arm not in (base, BASELINE)]
    pairs = dict.fromkeys((*(pair for pair in compared(by_arm, primary) if pair[::-1] not in stars), *stars))
    photos = bench.crops.photos
    margin = config.margin / 100
    pairing: Pairing = "order" if config.paired else "none"
    found = differences(by_arm, photos, margin=margin, primary=primary, pairs=tuple(pairs), pairing=pairing)
    found = tuple(dataclasses.replace(one, joints=_joints(bench.people, runs, one)) for one in found)
    return StudyReport(
        split=bench.split,
        persons=len(bench.people),
        photos=len(np.unique(photos)),
        seeds=tuple(range(max(len(of) for of in runs.values()))),
        budget=None,
        arms=tuple(_arm(arm, of) for arm, of in by_arm.items()),
        differences=found,
        verdict=verdict_of(found),
        devices=(),
        ae_epochs=None,
        limit=config.limit,
        registered=None,
        code_sizes=None,
        scored_by_studies=tuple(arm for arm, of in runs.items() if any(one.folder for one in of)),
        detectable=_detectable(found, runs, photos, config),
    )


def _detectable(
    found: Sequence[ArmComparison], runs: Mapping[str, Sequence[_Run]], photo_id: Ints, config: CompareConfig
) -> Detectable | None:
    """Of the primary comparison; of one run each a spread over runs need not be known. None of arms that differ on few
    photos, or by the same on all, which say nothing of the spread over photos. ``photo_id`` (N,) is of each person."""
    sd = config.sd
    one = next((one for one in found if one.primary), None)
    whole = one.groups.all if one else None
    if one is None or whole is None or (sd is None and (whole.over_seeds or whole.is_tied)):
        return None
    mine, theirs = ([each.scores for each in runs[arm]] for arm in (one.arm, one.minus))
    gains = np.mean([each.share[:, 0] for each in mine], 0) - np.mean([each.share[:, 0] for each in theirs], 0)
    over_photos = spread_over_photos(gains, mine[0].has[:, 0], photo_id)
    if over_photos.differing < VERDICT_PHOTOS or over_photos.sd < ROUNDING:
        return None
    counts = {len(of) for arm, of in runs.items() if arm != BASELINE}
    are_pairs = len(theirs) == len(mine) and (config.paired or len(mine) == 1)
    least = minimum_detectable(
        Detectable.POWER,
        sd_seeds=(sd or 0) / 100,
        sd_photos=over_photos.sd,
        seeds=len(mine),
        photos=over_photos.photos,
        arms=len(runs) - (BASELINE in runs) if len(counts) == 1 and are_pairs else 2,  # others share no error
        unpaired=None if are_pairs else len(theirs),
        differing=over_photos.effective,
    )
    return Detectable(least, None if sd is None else sd / 100, over_photos.sd)


def _arm(name: str, of: Sequence[scores.RunScores]) -> ArmResult:
    each = tuple(one.pck for one in of)
    return ArmResult(name, f"predictions of {counted(len(of), 'run')}", mean_pck(each), each, None, None, (), None)


def _joints(people: People, runs: dict[str, list[_Run]], one: ArmComparison) -> tuple[JointTest, ...]:
    """McNemar's test of each joint, adjusted for their number, by as many runs of each arm."""
    of = runs[one.minus], runs[one.arm]
    count = min(map(len, of))
    # (N, K) share of an arm's runs that found a joint.
    first, second = (np.mean([each.hits for each in some[:count]], axis=0) for some in of)
    return tuple(map(JointTest, people.joints, by_joint(first, second, people.cell_visibility)))
