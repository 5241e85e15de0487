"""An option that changes nothing by itself is refused where the command line gives it, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shgae.cli.needs import NEEDS, Needs, check_needs
from shgae.errors import Refused
from shgae.recipe_parts import HeatmapConfig
from shgae.recipes import AnalyzeConfig, PrepareConfig, ReportConfig, StudyConfig
from tests.builders.artefacts import make


def refused(command: str, given: str, **values: Any) -> str:
    """The option that is refused."""
    with pytest.raises(Refused) as caught:
        check_needs(command, values, [given])
    assert caught.value.where.startswith("--")
    return caught.value.where


def taken(command: str, given: str, **values: Any) -> bool:
    check_needs(command, values, [given])
    return True


def prepare(**options: Any) -> dict[str, Any]:
    return {"config": PrepareConfig(**options)}


def study(*, plan: bool = False, dry_run: bool = False, only: str | None = None, **options: Any) -> dict[str, Any]:
    return {"config": StudyConfig(**options), "plan": plan, "dry_run": dry_run, "only": only, "jobs": 2}


@pytest.mark.parametrize("how", ["without", "next to"])
def test_an_option_is_refused_without_what_it_needs_and_what_it_needs_is_named(how: str) -> None:
    need = Needs(("split_by", "margin"), "--hold-out N", lambda values: values["there"], how)
    need.check({"there": True}, ["split_by"])
    need.check({"there": False}, ["seed", "split"])
    need.check({"there": False}, [])
    for given in (["split_by"], ["margin", "split_by"], iter(["seed", "split_by"])):
        with pytest.raises(Refused) as caught:
            need.check({"there": False}, given)
        assert caught.value.where == "--split-by", "the first of its own options"
        assert "--hold-out N" in caught.value.why and "--hold-out N" in caught.value.fix
        assert how in caught.value.why
    with pytest.raises(Refused) as caught:
        need.check({"there": False}, ["margin"])
    assert caught.value.where == "--margin"


def test_an_option_next_to_another_may_stay_alone_or_go() -> None:
    fixes = []
    for how in ("without", "next to"):
        with pytest.raises(Refused) as caught:
            Needs(("jobs",), "--plan", lambda _: False, how).check({}, ["jobs"])
        fixes.append(caught.value.fix)
    assert fixes == ["--plan, or no --jobs", "--jobs or --plan"]


def test_a_command_without_such_options_takes_all() -> None:
    assert taken("train", "epochs") and taken("", "split_by")


def test_the_splitting_rule_needs_people_held_out() -> None:
    assert refused("prepare", "split_by", **prepare()) == "--split-by"
    assert taken("prepare", "split_by", **prepare(hold_out=1))
    assert taken("prepare", "split_by", **prepare(hold_out_val=1))


@pytest.mark.parametrize("option", ["crop_policy", "margin"])
def test_margin_and_crop_policy_need_the_squares_of_the_study(option: str) -> None:
    for square in ("coco", "mpii"):
        assert refused("prepare", option, **prepare(square=square)) == f"--{option.replace('_', '-')}"
    assert taken("prepare", option, **prepare(square="study"))


@pytest.mark.parametrize("option", ["decode", "flip_test"])
def test_how_maps_are_read_needs_one_model_that_is_no_file(tmp_path: Path, option: str) -> None:
    file, folder = tmp_path / "p.json", tmp_path / "model"
    file.write_text("[]")
    folder.mkdir()
    refused("evaluate", option, models=[file, file])
    assert taken("evaluate", option, models=[file, folder])
    assert taken("evaluate", option, models=[folder])


def test_suppression_needs_boxes() -> None:
    refused("predict", "nms", boxes=None)
    assert taken("predict", "nms", boxes=Path("b.json"))


def test_options_of_maps_need_targets_and_sigmas_need_predictions() -> None:
    from shgae.cli.fields import stages

    show, maps = stages()["show"], NEEDS["show"][0].options
    assert set(maps) == set(vars(HeatmapConfig())) and "sigma_visible" in maps
    for option in maps:
        refused("show", option, config=show(targets=False), predictions=None)
        assert taken("show", option, config=show(targets=True), predictions=None)
    refused("show", "sigmas", config=show(targets=True), predictions=None)
    assert taken("show", "sigmas", config=show(), predictions=Path("p.json"))


@pytest.mark.parametrize("option", ["people", "between"])
def test_people_on_a_page_need_an_evaluation_among_what_it_is_of(tmp_path: Path, option: str) -> None:
    data, scores = make(tmp_path / "data").path, make(tmp_path / "scores", "evaluation").path
    config = ReportConfig(people=1)
    refused("report", option, inputs=[data], config=config)
    assert taken("report", option, inputs=[data, scores], config=config)
    make(tmp_path / "study" / "report", "evaluation")
    assert taken("report", option, inputs=[tmp_path / "study"], config=config)


def test_between_whom_people_are_chosen_needs_people(tmp_path: Path) -> None:
    inputs = [make(tmp_path / "scores", "evaluation").path]
    refused("report", "between", inputs=inputs, config=ReportConfig(people=0))
    assert taken("report", "people", inputs=inputs, config=ReportConfig(people=0))


@pytest.mark.parametrize(
    ("option", "part"), [("clusters", "clusters"), ("traversals", "traversals"), ("unit_people", "code-units")]
)
def test_an_option_of_a_part_of_the_analysis_needs_that_part(option: str, part: str) -> None:
    for parts in ("spectrum", "all", part, f"spectrum,{part}"):
        config = AnalyzeConfig(parts=parts)
        if parts == "spectrum":
            refused("analyze", option, config=config)
        else:
            assert taken("analyze", option, config=config)


@pytest.mark.parametrize(
    ("arms", "has_others"),
    [
        ("none,full", False),
        ("full,random", False),
        ("none", False),
        ("wide", False),
        ("dropout,none", False),
        ("none,full,random", True),
        ("pca,frozen", False),
        ("pca,none,frozen", True),
        ("a,e,b", True),
    ],
)
def test_seeds_of_other_arms_need_arms_outside_the_primary_comparison(arms: str, has_others: bool) -> None:
    if has_others:
        assert taken("study", "other_seeds", **study(arms=arms))
    else:
        refused("study", "other_seeds", **study(arms=arms))


def test_seeds_of_code_sizes_need_code_sizes() -> None:
    refused("study", "code_seeds", **study())
    assert taken("study", "code_seeds", **study(code_sizes="5"))


@pytest.mark.parametrize(
    ("option", "arms"),
    [
        ("arm_dropout", ("dropout",)),
        ("arm_weight_decay", ("weight-decay",)),
        ("arm_augment", ("none+augment", "full+augment")),
    ],
)
def test_the_strength_of_an_arm_needs_that_arm(option: str, arms: tuple[str, ...]) -> None:
    refused("study", option, **study(arms="none,full,random,pca,frozen,wide"))
    for arm in arms:
        assert taken("study", option, **study(arms=f"none,{arm}"))
        for other in {"arm_dropout", "arm_weight_decay", "arm_augment"} - {option}:
            refused("study", other, **study(arms=f"none,{arm}"))


@pytest.mark.parametrize(
    ("option", "next_to"),
    [
        ("dry_run", {"plan": True}),
        ("only", {"plan": True}),
        ("only", {"dry_run": True}),
        ("jobs", {"plan": True}),
        ("jobs", {"dry_run": True}),
        ("jobs", {"only": "activations"}),
    ],
)
def test_what_says_what_a_study_does_is_given_once(option: str, next_to: dict[str, Any]) -> None:
    assert refused("study", option, **study(**next_to)) == f"--{option.replace('_', '-')}"
    assert taken("study", option, **study())
