"""Which cautions hold follows from a report's numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.evaluation.study_cautions import (
    Caution,
    cautions_of,
    compared_at_once,
    is_pretraining_unproven,
    over_photos_alone,
    training_cost,
    with_seed_error,
)
from shgae.evaluation.study_differences import Detectable, Estimate, JointTest
from shgae.evaluation.study_registration import Registered
from shgae.evaluation.study_report import StudyReport
from shgae.metrics.comparison import McNemar
from shgae.metrics.seeds import SeedError
from tests.builders.reports import compared, estimate, study

GAIN, LOSS, NOTHING = estimate(0.01, 0.03), estimate(-0.03, -0.01), estimate(-0.01, 0.02)
ONE_SEED = estimate(0.01, 0.03, seeds=1)
USUAL = {Caution.ONE_BASELINE, Caution.OVER_PHOTOS_AND_SEEDS}
ELSEWHERE = {Caution.OVER_PHOTOS_AND_SEEDS, Caution.PAIRED_IN_ORDER}


def held(report: StudyReport) -> set[Caution]:
    return set(cautions_of(report))


def more(**facts: object) -> set[Caution]:
    """What these facts add to an ordinary report."""
    return held(replace(study(compared("full", "none", GAIN)), **facts)) - USUAL


def test_an_ordinary_report_has_one_baseline_and_allows_for_photos_and_seeds() -> None:
    assert held(study(compared("full", "none", GAIN))) == USUAL
    assert held(replace(study(compared("full", "none", GAIN)), budget=None)) == ELSEWHERE


def test_each_fact_brings_its_caution() -> None:
    assert more(devices=("cpu",)) == set()
    assert more(devices=("cpu", "cuda")) == {Caution.SEVERAL_DEVICES}
    assert more(ae_epochs=0) == {Caution.PRETRAINING_APART}
    assert more(split="val") == {Caution.NO_TEST_SPLIT}
    assert more(limit=1) == {Caution.LIMITED}
    assert more(detectable=Detectable(None, None, 0.2)) == {Caution.MINIMUM_DETECTABLE}
    assert more(scored_by_studies=("full",)) == set(), "trained here"


def test_of_arms_that_were_trained_elsewhere_the_pairs_are_told() -> None:
    def of(*pairs: tuple[str, Estimate], **facts: object) -> set[Caution]:
        report = study(*(compared(arm, "none", found) for arm, found in pairs))
        return held(replace(report, budget=None, **facts)) - {Caution.OVER_PHOTOS_AND_SEEDS, Caution.SOME_OVER_PHOTOS}

    unpaired = replace(GAIN, by_seed=())
    assert of(("full", GAIN)) == {Caution.PAIRED_IN_ORDER}
    assert of(("full", unpaired)) == {Caution.UNPAIRED}
    assert of(("full", GAIN), ("pca", unpaired)) == {Caution.PAIRED_IN_ORDER, Caution.UNPAIRED}
    assert of(("full", ONE_SEED), ("pca", GAIN)) == {Caution.PAIRED_IN_ORDER}
    assert of(("full", GAIN), scored_by_studies=("full",)) == {Caution.PAIRED_IN_ORDER, Caution.REGISTERED_SCORES}
    assert of(("full", GAIN), split="val") == {Caution.PAIRED_IN_ORDER}
    tested = replace(compared("full", "none", GAIN), joints=(JointTest("nose", McNemar(1, 2, 3, 4, 0.5, 0.5)),))
    assert Caution.MCNEMAR_BY_RUNS in held(replace(study(tested), budget=None))
    assert Caution.MCNEMAR_BY_RUNS not in held(study(tested))


def test_intervals_over_photos_alone_are_told_apart() -> None:
    alone = study(compared("full", "none", ONE_SEED))
    assert Caution.OVER_PHOTOS in held(alone) and not held(alone) & {Caution.OVER_PHOTOS_AND_SEEDS}
    mixed = study(compared("full", "none", ONE_SEED), compared("wide", "none", GAIN))
    assert held(mixed) == USUAL | {Caution.SOME_OVER_PHOTOS}
    assert [one.arm for one in over_photos_alone(mixed)] == ["full"]
    assert Caution.OVER_PHOTOS in held(replace(mixed, seeds=(0,)))
    assert held(study(compared("full", "none", None))) == USUAL, "no interval at all"


@pytest.mark.parametrize(("found", "holds"), [(LOSS, True), (NOTHING, False), (GAIN, False), (None, False)])
def test_a_training_costs_where_it_ends_significantly_below_its_baseline(found: Estimate | None, holds: bool) -> None:
    report = study(compared("none", "baseline", found))
    assert (Caution.TRAINING_COST in held(report)) == holds
    assert training_cost(report) == (found if holds else None)


@pytest.mark.parametrize(("other", "unproven"), [(NOTHING, True), (LOSS, True), (GAIN, False), (None, False)])
def test_a_gain_is_not_put_down_to_a_pre_training_that_a_random_autoencoder_matches(
    other: Estimate | None, unproven: bool
) -> None:
    pairs = compared("full", "none", GAIN), compared("full", "random", other)
    assert is_pretraining_unproven(study(*pairs)) == unproven
    assert not is_pretraining_unproven(replace(study(*pairs), budget=None))
    assert not is_pretraining_unproven(study(pairs[0])), "no random autoencoder was tried"
    secondary = [replace(one, primary=one.minus == "random") for one in pairs]
    assert not is_pretraining_unproven(study(*secondary)), "another question"


def test_where_each_error_over_seeds_comes_from() -> None:
    errors = {
        "full": SeedError(0.01, 8, True, 1.2, 0.35),
        "pca": SeedError(0.02, 2, False, 9.1, 0.01),
        "random": SeedError(0.02, 9, True, None, None),
        "wide": SeedError(0.02, 3, False, None, None),
    }
    report = study(*(compared(arm, "none", estimate(0, 0.1, error=error)) for arm, error in errors.items()))
    found = {
        (pooled, checked): [(one.arm, error) for one, error in with_seed_error(report, pooled=pooled, checked=checked)]
        for pooled in (False, True)
        for checked in (False, True)
    }
    names = {(True, True): "full", (False, True): "pca", (True, False): "random", (False, False): "wide"}
    assert found == {kind: [(name, errors[name])] for kind, name in names.items()}
    assert held(report) - USUAL == {Caution.POOLED_ERROR, Caution.OWN_ERROR, Caution.UNCHECKED_ERROR}
    assert not with_seed_error(study(), pooled=True, checked=True)


def test_comparisons_at_once_are_counted_apart_for_arms_that_were_added() -> None:
    report = study(
        compared("full", "none", GAIN), compared("pca", "none", GAIN, count=3), compared("wide", "none", GAIN, count=5)
    )
    assert [compared_at_once(report, added=added) for added in (False, True)] == [5, 1]
    registered = Registered("f" * 64, ("full", "none"), 1.0, (0, 1, 2), ("wide",), (), (), None, None, False, ())
    later = replace(report, registered=registered)
    assert [compared_at_once(later, added=added) for added in (False, True)] == [3, 5]
    assert held(later) - USUAL == {Caution.SEVERAL_COMPARISONS, Caution.ADDED_COMPARISONS}


def test_cautions_come_in_one_order() -> None:
    report = replace(study(compared("none", "baseline", LOSS, count=2)), devices=("a", "b"), limit=4)
    found = cautions_of(report)
    assert found == tuple(one for one in Caution if one in found) and found[0] is Caution.TRAINING_COST
