"""Kinds of errors and trainings in tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.evaluation.error_shares import ErrorRule, ErrorShares, ErrorTable
from shgae.evaluation.report import EvaluationReport
from shgae.evaluation.trainings import Control, Trained, Training, compare
from shgae.metrics.comparison import McNemar
from shgae.metrics.error_kinds import ByKind
from shgae.reporting.error_kinds import error_tables, joint_error_tables
from shgae.reporting.evaluation import joint_tables, main_tables, sentence
from shgae.reporting.evaluation_figures import evaluation_figures
from shgae.reporting.trainings import control, trainings_tables
from tests.builders.reports import evaluation, interval, pair, scored

SHARES = ByKind(0.5, 0.2, 0.1, 0.05, 0.15)
COUNTS = ByKind(50, 20, 10, 5, 15)
NOTHING = ErrorShares(0, ByKind(0, 0, 0, 0, 0), ByKind(None, None, None, None, None))
OPTIONS = {"lr": 1e-3, "optimizer": "adam", "seed": 0, "batch_size": 16}


def report(trained: tuple[Trained | None, Trained | None] = (None, None)) -> EvaluationReport:
    whole = ErrorShares(100, COUNTS, SHARES)
    table = ErrorTable(whole, None, {"tail": NOTHING, "nose": whole})
    models = [
        replace(scored(name, {"nose": 0.3, "tail": None}), errors=table, trained=one)
        for name, one in zip("ab", trained, strict=True)
    ]
    each = pair("a", "b", interval(0.01, 0.03), dict.fromkeys(("nose", "tail"), McNemar(1, 2, 3, 4, 0.5, 0.5)))
    differences = ByKind(interval(-0.02, 0.04), None, interval(-0.03, -0.01), None, None)
    each = replace(each, errors=differences, trainings=compare(*trained))
    made = evaluation(*models)
    return replace(made, comparisons=(each,), errors=ErrorRule("COCO's", ("tail",)))


def training(name: str, made_by: str = "train", epochs: int = 50, **options: object) -> Training:
    return Training(name, made_by, "c" * 64, epochs, 10 * epochs, OPTIONS | options)


def test_shares_stand_with_their_differences_and_joints_with_their_counts() -> None:
    whole, differences = error_tables(report())
    assert whole.rows[0] == ("a", "50.0", "20.0", "10.0", "5.0", "15.0", "100")
    assert whole.caption.splitlines()[1:] == [
        "Similarity: COCO's",
        "Without a sigma, so left out: tail (--sigmas FILE gives one)",
    ]
    assert differences.rows == (("b - a", "+1.0 (-2.0 to +4.0)", "-", "-2.0 (-3.0 to -1.0)", "-", "-"),)
    first, _ = joint_error_tables(report())
    assert first.rows == (("nose", "50.0 (50)", "20.0 (20)", "10.0 (10)", "5.0 (5)", "15.0 (15)", "100"),)
    titles = {grid.title for grid in main_tables(report()) + joint_tables(report())}
    assert {whole.title, differences.title, first.title} <= titles


def test_the_figure_names_the_joints_that_it_leaves_out() -> None:
    figure = evaluation_figures(report())["errors"]()
    assert "left out: tail" in figure.legends[0].get_title().get_text()


def test_without_sigmas_there_is_no_such_table() -> None:
    assert error_tables(replace(report(), errors=None)) == []


def test_trainings_stand_side_by_side_where_they_differ() -> None:
    network = {"stacks": 1, "residual": "newell", "width": 16, "grafts": [None]}
    code = network | {"grafts": [{"code_size": 50}]}
    first, more = training("x"), training("y", "finetune", 15, lr=5e-4)
    made = report((Trained(network, (first,)), Trained(code, (first, more))))
    (grid,) = trainings_tables(made)
    rows = {row[0]: row[1:] for row in grid.rows}
    assert rows["epochs"] == ("50", "50 + 15")
    assert rows["steps"] == ("500", "500 + 150")
    assert rows["lr"] == ("0.001", "0.001 then 0.0005")
    assert "optimizer" not in rows and "data" not in rows
    assert rows["network"][1].endswith("code of 50") and "code" not in rows["network"][0]
    assert grid in main_tables(made)


def test_what_differs_of_autoencoders_has_rows_of_its_own() -> None:
    (grid,) = trainings_tables(report((NOISELESS, NOISY)))
    assert ("noise of the autoencoder", "0", "1") in grid.rows


def test_of_a_model_without_trainings_there_is_no_table() -> None:
    assert trainings_tables(report((PLAIN, None))) == []


NETWORK = {"stacks": 1, "residual": "newell", "width": 16}
PLAIN = Trained(NETWORK, (training("x"),))
TUNED = Trained(NETWORK | {"width": 32}, (training("x"), training("y", "finetune", 15)))
AUGMENTED = Trained(NETWORK, (training("y", augment="newell"),))
NOISELESS, NOISY = (
    Trained({}, (training("x"),), (training(name, noise=noise),)) for name, noise in (("y", 0), ("z", 1))
)
MANIFESTS = "By the manifests of the models and of what they come from; options not shown are equal"
CONTROLLED: dict[str, tuple[Trained | None, Trained | None, Control, str, list[str]]] = {
    "equal": (PLAIN, PLAIN, Control.EQUAL, "", ["Trained equally: b - a", MANIFESTS]),
    "one option": (
        *(PLAIN, AUGMENTED, Control.ONE_OPTION, "; trained equally but for augment"),
        ["Trained equally but for one option: b - a", MANIFESTS],
    ),
    "one option of the autoencoders": (
        *(NOISELESS, NOISY, Control.ONE_OPTION, "; trained equally but for noise of the autoencoder"),
        ["Trained equally but for one option: b - a", MANIFESTS],
    ),
    "an autoencoder of one alone": (
        *(replace(NOISELESS, autoencoders=()), NOISY, Control.EQUAL, ""),
        [
            "Trained equally: b - a",
            MANIFESTS,
            "Pre-training is not counted where one of the two networks alone has an autoencoder",
        ],
    ),
    "not controlled": (
        *(PLAIN, TUNED, Control.NOT_CONTROLLED),
        "; not controlled: they differ in stages, epochs, steps, network",
        ["Not controlled, a difference of scores may come from the trainings: b - a", MANIFESTS],
    ),
    "not known": (PLAIN, None, Control.UNKNOWN, "", []),
}


@pytest.mark.parametrize("case", CONTROLLED)
def test_every_verdict_on_the_trainings_has_its_words(case: str) -> None:
    one, other, verdict, said, notes = CONTROLLED[case]
    made = report((one, other))
    (each,) = made.comparisons
    assert (each.trainings.verdict, control(each)) == (verdict, said)
    assert [note for grid in trainings_tables(made) for note in grid.caption.splitlines()] == notes
    assert sentence(each) == sentence(report().comparisons[0]) + said
