from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from shgae.cli.app import command_tree, main
from shgae.cli.config_file import read
from shgae.cli.fields import defaults, help_of, retyped, stage_of, stages
from shgae.cli.options import modernized
from shgae.config import ConfigField, fields_of
from shgae.errors import Refused
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


@pytest.mark.parametrize("arguments", [("--epochs", "many"), ("--residual", "zzzz"), ("--epoch",), ("--epochs",)])
def test_what_is_no_value_or_no_option_is_refused_with_a_hint_to_the_help(probe, capsys, arguments) -> None:
    assert probe(*arguments) == 2
    assert "--help" in error_of(capsys)


@pytest.mark.parametrize(("stage", "field"), ALL_FIELDS, ids=lambda value: getattr(value, "name", value))
def test_every_field_has_a_help_text_and_a_default_that_its_own_check_allows(stage: str, field: ConfigField) -> None:
    assert help_of(stages()[stage], field.name).endswith(".")
    for recipe in RECIPES.values():
        value = getattr(getattr(recipe, stage), field.name)
        assert value is None or field.check(value) == value
    if field.kind in (int, float) and not field.choices:
        assert field.limit
        assert field.check(field.kind(field.example)) is not None


def test_an_inherited_field_keeps_the_help_of_its_base_class() -> None:
    texts = {(stage, field.name): help_of(stages()[stage], field.name) for stage, field in ALL_FIELDS}
    assert texts["finetune", "epochs"] == texts["train", "epochs"] == "Passes over the training split."


def test_a_config_class_belongs_to_one_stage() -> None:
    assert stage_of(TrainConfig) == "train"
    assert len(set(stages().values())) == len(stages())


ALLOWED: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("ae_batch_size", "ae_epochs", "batch_size", "epochs", "micro_batches"), (1, 1_000_000)),
    **dict.fromkeys(("code_seeds", "other_seeds", "seeds"), (1, 1000)),
    **{"limit": (1, 2**63 - 1), "margin": (0, 100), "noise": (0, 1000)},
    **dict.fromkeys(("hold_out", "hold_out_val", "max_bad_photos", "seed"), (0, 2**63 - 1)),
    **{"code_size": (1, 4096), "resamples": (100, 1_000_000), "min_score": (0, 1), "unit_people": (2, 1_000_000)},
    **{"traversals": (0, 10), "people": (0, 24), "stacks": (1, 8), "width": (4, 1024)},
    **{"arm_dropout": (0, 0.9), "arm_weight_decay": (0, 1), "dropout": (0, 0.9), "weight_decay": (0, 1)},
    **dict.fromkeys(("colour", "flip", "half_body", "occlusion", "translation"), (0, 1)),
    **{"show.people": (1, 64), "context": (1, 3), "rotation": (0, 180), "scale": (0, 0.9)},
}
"""The lowest and the highest number of each option."""
ABOVE_ZERO = {
    **dict.fromkeys(("ae_lr", "lr", "sigma_hidden", "sigma_visible"), 1000),
    **{"study.margin": 100, "compare.margin": 100, "sd": 100},
    "nms": 1,
}
NUMBERS = [(stage, field) for stage, field in ALL_FIELDS if field.kind in (int, float) and not field.choices]


@pytest.mark.parametrize(("stage", "field"), NUMBERS, ids=lambda value: getattr(value, "name", value))
def test_every_number_has_a_lowest_and_a_highest_value(stage: str, field: ConfigField) -> None:
    name, allows = field.name, field.limit.allows
    if high := ABOVE_ZERO.get(f"{stage}.{name}") or ABOVE_ZERO.get(name):
        assert [allows(value) for value in (0, 1e-9, 1, high, high + 1)] == [False, True, True, True, False]
        return
    low, high = ALLOWED.get(f"{stage}.{name}") or ALLOWED[name]
    step = {"width": 4, "scale": 0.5, "dropout": 0.5, "arm_dropout": 0.5}.get(name, 1)
    assert [allows(value) for value in (low, low + step, high)] == [True, True, True]
    assert not any(allows(value) for value in (low - step, high + step, low - 1, high + 1))
    assert allows(low + 1) == (name not in ("width", "scale", "dropout", "arm_dropout"))


@pytest.mark.parametrize(
    ("words", "now"),
    [
        ("finetune m d -o o --train head", "finetune m d -o o --trainable head"),
        (
            "finetune m d -o o --train=head --joints new-head",
            "finetune m d -o o --trainable=head --joint-mismatch reset",
        ),
        ("finetune m d -o o --joints=same", "finetune m d -o o --joint-mismatch=error"),
        ("evaluate m d --draws 200", "evaluate m d --resamples 200"),
        ("plot m -o o --from 3", "plot m -o o --from-epoch 3"),
        ("prepare --train a.json b -o o", "prepare --train a.json b -o o"),
        ("import f -o o --joints same", "import f -o o --joints same"),
        ("evaluate m d -- --draws", "evaluate m d -- --draws"),
    ],
)
def test_old_spellings_become_the_new_ones_each_with_a_note(words: str, now: str) -> None:
    name, *rest = words.split()
    parameters = command_tree().commands[name].params
    known = {flag.removeprefix("--") for one in parameters for flag in (*one.opts, *one.secondary_opts)}
    found, notes = modernized(name, rest, known)
    assert [name, *found] == now.split()
    assert len(notes) == sum(a != b for a, b in zip(words.split(), now.split(), strict=True) if a.startswith("--"))
    assert all(note.count("--") == 2 for note in notes)


def test_an_old_option_still_counts_and_its_new_name_is_told_unless_quiet(tmp_path: Path, capsys) -> None:
    words = ["finetune", str(tmp_path / "m"), str(tmp_path / "d"), "-o", str(tmp_path / "o"), "--joints", "other"]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert "--joint-mismatch" in err
    words[-1] = "same"
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("note: --joints is now --joint-mismatch")
    assert main([*words, "--quiet"]) == 2
    assert "note" not in capsys.readouterr().err


def test_a_file_may_use_old_keys_and_values_but_not_both_spellings(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[finetune]\ntrain = "head"\njoints = "new-head"\n[evaluate]\ndraws = 200\n')
    found = read(file)
    assert found.values == {
        "finetune": {"trainable": "head", "joint_mismatch": "reset"},
        "evaluate": {"resamples": 200},
    }
    assert len(found.notes) == 3
    assert all(str(file) in note for note in found.notes)
    file.write_text("[evaluate]\ndraws = 200\nresamples = 200\n")
    with pytest.raises(Refused, match="twice"):
        read(file)


def of(stage: str, name: str) -> ConfigField:
    return next(field for field in fields_of(stages()[stage]) if field.name == name)


@pytest.mark.parametrize(
    ("stage", "name", "example", "default"),
    [
        ("train", "epochs", "1", "default: 50"),
        ("train", "lr", "0.1", "improved: 0.001; original: 0.00025"),
        ("train", "shuffle", "true", "default: yes"),
        ("pretrain_ae", "shuffle", "true", "improved: yes; original: no"),
        ("train", "width", "4", "default: 256"),
        ("train", "residual", "original", "default: original"),
        ("train", "limit", "1", "default: all"),
        ("prepare", "crop_size", "256", "default: 256"),
        ("prepare", "category", "...", "default: person"),
        ("predict", "nms", "0.1", "default: off"),
        ("train", "rotation", "0", "default: by --augment"),
        ("train", "weight_decay", "0", "default: 0"),
        ("study", "code_sizes", "5,10,25,50,100,400", "default: none"),
    ],
)
def test_an_option_knows_an_example_and_what_the_recipes_say(stage: str, name: str, example: str, default: str) -> None:
    assert of(stage, name).example == example
    assert defaults(stage, of(stage, name)) == default


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"shuffle": False, "lr": 0.25}, ["--lr", "0.25", "--no-shuffle"]),
        ({"epochs": 3, "half_body": 0.0, "peak": "mass"}, ["--epochs", "3", "--half-body", "0.0", "--peak", "mass"]),
    ],
)
def test_a_config_is_typed_as_its_differences_from_the_default_recipe(given: dict[str, Any], words: list[str]) -> None:
    assert retyped(dataclasses.replace(RECIPES["improved"].finetune, **given)) == words


def test_a_config_that_is_typed_again_is_the_same_config(probe) -> None:
    original = RECIPES["original"].train
    for config in (original, dataclasses.replace(original, limit=3, shuffle=False, flip=0.25)):
        assert probe(*retyped(config)) == 0
        assert probe.config == config


def test_a_switch_that_is_off_by_default_is_typed_as_on() -> None:
    assert retyped(dataclasses.replace(RECIPES["improved"].evaluate, flip_test=True)) == ["--flip-test"]
