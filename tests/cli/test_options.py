from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shgae.cli.fields import LIMITS, ConfigField, Limit, defaults, fields_of, stage_of, stages
from shgae.recipes import RECIPES, TrainConfig

ALL_FIELDS = [(stage, field) for stage, config in stages().items() for field in fields_of(config)]


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_without_options_the_improved_recipe_counts(probe) -> None:
    assert probe() == 0
    assert probe.config == RECIPES["improved"].train


def test_recipe_original_is_the_study_exactly(probe) -> None:
    assert probe("--recipe", "original") == 0
    assert probe.config == RECIPES["original"].train


def test_the_file_counts_more_than_the_recipe_and_the_command_line_more_than_the_file(probe, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('recipe = "original"\n[train]\nepochs = 7\nbatch-size = 3\nlr = 1\n[finetune]\nepochs = 2\n')
    assert probe("--config", str(file), "--epochs", "9") == 0
    expected = dataclasses.replace(RECIPES["original"].train, epochs=9, batch_size=3, lr=1.0)
    assert probe.config == expected
    assert isinstance(probe.config.lr, float)


def test_the_recipe_of_the_command_line_beats_the_one_in_the_file(probe, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('recipe = "original"\n')
    assert probe("--config", str(file), "--recipe", "improved") == 0
    assert probe.config == RECIPES["improved"].train


def test_a_value_equal_to_the_improved_default_still_beats_the_original_recipe(probe) -> None:
    assert probe("--recipe", "original", "--optimizer", "adam", "--shuffle") == 0
    assert probe.config.optimizer == "adam"


def test_flags_choices_and_short_forms_arrive_as_python_values(probe) -> None:
    assert (
        probe("--no-shuffle", "--residual", "newell", "-b", "4", "-s", "5", "--limit", "10", "-d", "cpu", "-j", "0")
        == 0
    )
    config = probe.config
    assert (config.shuffle, config.residual, config.batch_size, config.seed, config.limit) == (
        False,
        "newell",
        4,
        5,
        10,
    )
    assert (probe.execution.device, probe.execution.workers) == ("cpu", 0)
    assert not probe.execution.resume
    assert probe("--resume", "--force") == 0
    assert probe.execution.resume
    assert probe.execution.force


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--batch-size", "-1"),
        ("--lr", "0"),
        ("--lr", "nan"),
        ("--lr", "inf"),
        ("--limit", "0"),
        ("--stacks", "9"),
        ("--width", "30"),
        ("--width", "2048"),
        ("--sigma-visible", "0"),
        ("--seed", "-1"),
        ("--seed", str(2**63)),
        ("--workers", "-1"),
        ("--device", "tpu"),
        ("--device", "cuda:"),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_line_that_names_the_option(probe, capsys, arguments) -> None:
    assert probe(*arguments) == 2
    assert arguments[0] in error_of(capsys)
    assert probe.config is None, "the command must not have begun"


@pytest.mark.parametrize("arguments", [("--epochs", "many"), ("--residual", "neweII"), ("--epoch",), ("--epochs",)])
def test_what_is_no_value_or_no_option_is_refused_with_a_hint_to_the_help(probe, capsys, arguments) -> None:
    assert probe(*arguments) == 2
    assert "--help" in error_of(capsys)


@pytest.mark.parametrize(("stage", "field"), ALL_FIELDS, ids=lambda value: getattr(value, "name", value))
def test_every_field_has_a_help_text_and_a_default_that_its_own_check_allows(stage: str, field: ConfigField) -> None:
    assert field.help.endswith(".")
    for recipe in RECIPES.values():
        value = getattr(getattr(recipe, stage), field.name)
        assert value is None or field.check(value) == value
    if field.kind in (int, float) and not field.choices:
        assert field.name in LIMITS
        assert field.check(field.kind(field.example)) is not None


def test_no_limit_is_left_over_from_a_field_that_is_gone() -> None:
    of_no_config = {"workers", "steps", "nproc"}
    assert {field.name for _, field in ALL_FIELDS} | of_no_config >= LIMITS.keys()


def test_an_inherited_field_keeps_the_help_of_its_base_class() -> None:
    texts = {(stage, field.name): field.help for stage, field in ALL_FIELDS}
    assert texts["finetune", "epochs"] == texts["train", "epochs"] == "Passes over the training split."


def test_a_config_class_belongs_to_one_stage() -> None:
    assert stage_of(TrainConfig) == "train"
    assert len(set(stages().values())) == len(stages())


@pytest.mark.parametrize(
    ("limit", "inside", "outside", "text"),
    [
        (Limit(1), [1, 10**9], [0, -1, 10**400, float("nan"), float("inf")], "at least 1"),
        (Limit(0, above=True), [1e-9, 1], [0, -1e-9], "more than 0"),
        (Limit(4, 1024, step=4), [4, 8, 1024], [0, 2, 6, 1028], "a multiple of 4, 4 to 1024"),
    ],
)
def test_a_limit_allows_what_it_says(limit: Limit, inside: list[float], outside: list[float], text: str) -> None:
    assert all(limit.allows(value) for value in inside)
    assert not any(limit.allows(value) for value in outside)
    assert str(limit) == text


ALLOWED: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("ae_batch_size", "ae_epochs", "batch_size", "epochs", "limit"), (1, 2**63 - 1)),
    **dict.fromkeys(("micro_batches", "seeds"), (1, 2**63 - 1)),
    **dict.fromkeys(("hold_out", "margin", "max_bad_photos", "noise", "seed"), (0, 2**63 - 1)),
    **{"code_size": (1, 4096), "draws": (100, 1_000_000), "min_score": (0, 1), "unit_people": (2, 2**63 - 1)},
    **{"traversals": (0, 10), "nproc": (1, 1024), "people": (0, 24), "stacks": (1, 8), "steps": (1, 1000)},
    **{"width": (4, 1024), "workers": (0, 256)},
    **{"dropout": (0, 0.9), "weight_decay": (0, 1)},
    **dict.fromkeys(("colour", "flip", "half_body", "occlusion", "translation"), (0, 1)),
    **{"context": (1, 3), "rotation": (0, 180), "scale": (0, 0.9)},
}
"""The lowest and the highest number of each option."""
ABOVE_ZERO = ("ae_lr", "lr", "sigma_hidden", "sigma_visible")


@pytest.mark.parametrize("name", LIMITS)
def test_every_number_has_a_lowest_and_a_highest_value(name: str) -> None:
    if name in ABOVE_ZERO:
        assert [LIMITS[name].allows(value) for value in (0, 1e-9, 1, 2**63 - 1, 2**63)] == [
            False,
            True,
            True,
            True,
            False,
        ]
        return
    low, high = ALLOWED[name]
    step = {"width": 4, "scale": 0.5, "dropout": 0.5}.get(name, 1)
    assert [LIMITS[name].allows(value) for value in (low, low + step, high)] == [True, True, True]
    assert not any(LIMITS[name].allows(value) for value in (low - step, high + step, low - 1, high + 1))
    assert LIMITS[name].allows(low + 1) == (name not in ("width", "scale", "dropout"))


def of(stage: str, name: str) -> ConfigField:
    return next(field for field in fields_of(stages()[stage]) if field.name == name)


@pytest.mark.parametrize(
    ("stage", "name", "value", "kept"),
    [
        *(("train", "epochs", 3, 3), ("train", "lr", 1, 1.0), ("train", "shuffle", False, False)),
        *(("train", "residual", "newell", "newell"), ("prepare", "crop_size", 128, 128)),
        ("pretrain_ae", "stack", 1, "1"),
    ],
)
def test_a_value_is_kept_as_its_own_kind(stage: str, name: str, value: object, kept: object) -> None:
    found = of(stage, name).check(value)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("stage", "name", "value", "why"),
    [
        ("train", "epochs", 3.0, "3.0 is not a whole number"),
        ("train", "epochs", True, "True is not a whole number"),
        ("train", "epochs", "3", "'3' is not a whole number"),
        ("train", "epochs", 0, "0 is not at least 1"),
        ("train", "lr", "fast", "'fast' is not a number"),
        ("train", "lr", True, "True is not a number"),
        ("train", "shuffle", 1, "1 is not true or false"),
        ("train", "residual", "other", "'other' is not original or newell"),
        ("train", "residual", 1, "'1' is not original or newell"),
        ("prepare", "crop_size", 64, "64 is not 256 or 128"),
        ("prepare", "crop_size", 256.0, "256.0 is not 256 or 128"),
        ("prepare", "crop_size", "128", "'128' is not 256 or 128"),
        ("train", "epochs", "x" * 99, f"'{'x' * 39} is not a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_wanted(stage: str, name: str, value: object, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        of(stage, name).check(value)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("stage", "name", "example", "default"),
    [
        ("train", "epochs", "1", "default: 50"),
        ("train", "lr", "0.1", "improved: 0.001; original: 0.00025"),
        ("train", "shuffle", "true", "default: shuffle"),
        ("pretrain_ae", "shuffle", "true", "improved: shuffle; original: no-shuffle"),
        ("train", "width", "4", "default: 256"),
        ("train", "residual", "original", "default: original"),
        ("train", "limit", "1", "default: all"),
        ("prepare", "crop_size", "256", "default: 256"),
    ],
)
def test_an_option_knows_an_example_and_what_the_recipes_say(stage: str, name: str, example: str, default: str) -> None:
    assert of(stage, name).example == example
    assert defaults(stage, of(stage, name)) == default
