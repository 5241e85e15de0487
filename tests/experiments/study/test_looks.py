"""Each report with other numbers is a look, which keeps its level whatever is planned, added or lost later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.typed_json import from_json, to_json
from shgae.errors import Refused
from shgae.evaluation.study_registration import Look, Registered, StudyPlan
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.experiments.study import registration
from shgae.metrics.statistics import Verdict
from shgae.reporting.study_registration import registration as said_of
from tests.builders.looks import overall
from tests.builders.plans import KEPT, PLANNED
from tests.builders.reports import compared, estimate, study


def look(folder: Path, plan: StudyPlan, runs: Mapping[str, int] | int) -> Registered:
    """At a report with so many seeds of each arm."""
    each = dict.fromkeys(plan.arms, runs) if isinstance(runs, int) else dict(runs)
    called = SimpleNamespace(
        plan=plan,
        output=folder,
        arms=tuple(each),
        seeds=range(each["none"]),
        seeds_of=lambda arm: range(each[arm]),
    )
    return registration.look(called, Execution())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "level", "without"),
    [
        (1, 0, Verdict.TOO_EARLY),  # 3e-12
        (3, 0, Verdict.TOO_EARLY),  # 9e-5
        (4, 0.00079, Verdict.TOO_EARLY),
        (10, 0.05, Verdict.ALPHA_SPENT),
    ],
)
def test_a_look_too_early_for_any_level_is_not_one_that_came_too_late(
    tmp_path: Path, count: int, level: float, without: Verdict
) -> None:
    found = look(tmp_path, replace(PLANNED, seeds=tuple(range(10))), count)
    assert found.alpha == pytest.approx(level, abs=5e-6)
    assert found.without_level is without


def test_a_look_at_fewer_seeds_than_one_before_has_no_level_left(tmp_path: Path) -> None:
    planned = replace(PLANNED, seeds=tuple(range(5)))
    for count, level in ((7, 0.05), (5, 0.0), (3, 0.0), (7, 0.05)):
        found = look(tmp_path, planned, count)
        assert found.alpha == pytest.approx(level), "made again, the first report says what it said"
        assert level or found.without_level is Verdict.ALPHA_SPENT
    assert [one.seeds for one in found.looks] == [7, 5, 3]


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 14), st.sampled_from([None, 1, 3])), min_size=1, max_size=5)
)
def test_whatever_is_looked_at_and_planned_again_in_any_order_spends_the_level_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int, int | None]]
) -> None:
    """With other plans by --force, and with a third arm that was planned and is there or not."""
    folder, levels = tmp_path_factory.mktemp("study"), {}
    for planned, count, others in made:
        plan = replace(PLANNED, seeds=tuple(range(planned)), arms=("none", "full", "pca"))
        runs = {"none": count, "full": count} | ({} if others is None else {"pca": others})
        found = look(folder, plan, runs)
        assert levels.setdefault((count, others), found.alpha) == found.alpha, "a level never changes"
        assert [one.alpha for one in found.looks][: len(levels)] == [*levels.values()]
    spending = [(count, alpha) for (count, _), alpha in levels.items() if alpha]
    assert spending == sorted(spending), "of two tests with as many seeds one has a level"
    if spending:
        assert overall(*zip(*spending, strict=True)) <= 0.05 + 1e-5


def test_arms_that_were_added_make_no_other_test_and_planned_ones_do(tmp_path: Path) -> None:
    planned = replace(PLANNED, arms=("none", "full", "pca"), other_seeds=(0,))
    first = look(tmp_path, planned, {"none": 3, "full": 3})
    assert (first.alpha, first.missing_arms) == (0.05, ("pca",))
    added = look(tmp_path, planned, {"none": 3, "full": 3, "dropout": 3})
    assert (added.alpha, added.added_arms, len(added.tests)) == (0.05, ("dropout",), 1)
    whole = look(tmp_path, planned, {"none": 3, "full": 3, "pca": 1})
    assert (whole.alpha, whole.without_level, len(whole.tests)) == (0.0, Verdict.ALPHA_SPENT, 2)
    assert any("3 (5 %), 3 (0 %)" in line for line in said_of(whole))


def test_seeds_of_a_secondary_arm_that_grew_after_a_report_are_told(tmp_path: Path) -> None:
    planned = replace(PLANNED, arms=("none", "full", "pca"), other_seeds=(0,))
    first = look(tmp_path, planned, {"none": 3, "full": 3, "pca": 1, "dropout": 1})
    assert not any("pca" in line for line in said_of(first)[:1])
    grown = look(tmp_path, planned, {"none": 3, "full": 3, "pca": 2, "dropout": 3})
    lines = said_of(grown)
    assert any("pca 2 (planned 1)" in line for line in lines)
    assert any(line.endswith("pca with 1, 2; dropout with 1, 3.") for line in lines)


def test_looks_of_an_earlier_shgae_are_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / registration.LOOKS
    path.write_text(json.dumps({"plan": PLANNED.sha256, "seeds": [3]}))
    again = look(tmp_path, PLANNED, 3)
    assert (again.looks, again.alpha) == ((Look(3, 0.05, {"none": 3, "full": 3}),), 0.05)
    assert look(tmp_path, PLANNED, 5).alpha == 0


def test_where_the_file_of_looks_is_lost_the_report_knows_them(tmp_path: Path) -> None:
    first = look(tmp_path, PLANNED, 3)
    (tmp_path / registration.LOOKS).unlink()
    (tmp_path / "report").mkdir()
    report = replace(study(compared("full", "none", estimate(0.01, 0.03))), registered=first)
    (tmp_path / "report/report.json").write_text(json.dumps(STUDY.to_json(report)))
    later = look(tmp_path, PLANNED, 5)
    assert (later.alpha, [one.seeds for one in later.looks]) == (0.0, [3, 5])


@pytest.mark.parametrize(
    "looks",
    [
        {"schema": 2, "looks": []},
        {"schema": 2, "looks": [{"seeds": 3, "alpha": 0.0, "runs": None}]},
        {"schema": 2, "looks": [{"seeds": 2, "alpha": 0.05, "runs": None}]},
        {"seeds": []},
        {"seeds": [2]},
    ],
    ids=str,
)
def test_a_look_of_which_the_last_report_tells_is_not_taken_back(tmp_path: Path, looks: dict[str, Any]) -> None:
    first = look(tmp_path, PLANNED, 3)
    (tmp_path / "report").mkdir()
    report = replace(study(compared("full", "none", estimate(0.01, 0.03))), registered=first)
    (tmp_path / "report/report.json").write_text(json.dumps(STUDY.to_json(report)))
    whole = (tmp_path / registration.LOOKS).read_bytes()
    (tmp_path / registration.LOOKS).write_text(json.dumps(looks))
    with pytest.raises(Refused) as refused:
        look(tmp_path, PLANNED, 5)
    assert refused.value.where == str(tmp_path / registration.LOOKS)
    (tmp_path / registration.LOOKS).write_bytes(whole)
    assert look(tmp_path, PLANNED, 5).alpha == 0.0


@pytest.mark.parametrize("counts", [[2, 2], [0], [True], ["3"], 3, None])
def test_looks_that_no_study_writes_are_refused(tmp_path: Path, counts: object) -> None:
    path = tmp_path / registration.LOOKS
    path.write_text(json.dumps({"plan": PLANNED.sha256, "seeds": counts}))
    with pytest.raises(Refused, match="looks"):
        look(tmp_path, PLANNED, 3)
    looks = [{"seeds": one, "alpha": 0.05, "runs": None} for one in counts] if isinstance(counts, list) else counts
    path.write_text(json.dumps({"schema": 2, "looks": looks}))
    with pytest.raises(Refused, match="looks"):
        look(tmp_path, PLANNED, 3)


@pytest.mark.parametrize(
    "looks",
    [
        [(3, 0.9, {"none": 3})],
        [(3, 0.051, {"none": 3})],
        [(0, 0.0, {"none": 3})],
        [(3, 0.0, {"none": 0})],
        [(5, 0.02, {"none": 5}), (3, 0.01, {"none": 3})],
        [(5, 0.02, {"none": 5}), (5, 0.01, {"none": 6})],
        [(3, 0.0, {"none": 3}), (3, 0.0, {"none": 3})],
    ],
    ids=str,
)
def test_looks_that_no_study_makes_are_refused_by_their_file(
    tmp_path: Path, looks: list[tuple[int, float, dict[str, int]]]
) -> None:
    written = [{"seeds": seeds, "alpha": alpha, "runs": runs} for seeds, alpha, runs in looks]
    (tmp_path / registration.LOOKS).write_text(json.dumps({"schema": 2, "looks": written}))
    with pytest.raises(Refused) as refused:
        look(tmp_path, PLANNED, 8)
    assert refused.value.where == str(tmp_path / registration.LOOKS)


@pytest.mark.parametrize("change", [{"current": 1}, {"current": -1}, {"margin": 0.0}, {"planned_runs": {"none": 0}}])
def test_what_a_report_says_of_its_plan_is_held_to_its_looks(change: dict[str, object]) -> None:
    said = to_json(KEPT)
    assert from_json(Registered, said, "here") == KEPT
    with pytest.raises(Refused):
        from_json(Registered, said | change, "here")
