from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from shgae.cli.command import Outcome
from shgae.cli.console import show
from shgae.cli.table_layout import FittedTable
from shgae.cli.tables import (
    autoencoder_tables,
    facts_table,
    fit_table,
    lineage_tree,
    plain,
)
from shgae.evaluation.report import EvaluationReport
from shgae.metrics.pck import ByGroup
from shgae.reporting.evaluation import joints_table, pck_table
from shgae.reporting.table import Grid
from tests.builders.reports import evaluation, interval, scored


def text_of(table: RenderableType, width: int = 160) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True, highlight=False).print(table)
    return stream.getvalue()


def row_of(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if name in line).replace(name, "").split()


@pytest.fixture
def report() -> EvaluationReport:
    found = {"base": 0.4331, "[grafted]": 0.4674, "mean pose": 0.037}
    base, grafted, floor = (
        scored(name, {"nose": share, "hip": share}, pck=share, count=1200) for name, share in found.items()
    )
    base = replace(base, interval=ByGroup(interval(0.421, 0.4449), None, None))
    return replace(evaluation(base, grafted, persons=5064, photos=2300), data="d", floors=(floor,))


def test_pck_is_shown_in_per_cent_with_counts_and_the_floor_below(report: EvaluationReport) -> None:
    text = text_of(FittedTable(pck_table(report)))
    assert "test: 5,064 people of d" in text
    assert row_of(text, "base") == ["43.3", "42.1", "to", "44.5", "-", "43.3", "2,400"]
    assert row_of(text, "[grafted]") == ["46.7", "-", "-", "46.7", "2,400"]
    assert text.index("mean pose") > text.index("[grafted]")
    assert row_of(text, "mean pose")[:2] == ["3.7", "-"]
    assert "10,000 resamples of 2,300 photos" in text


def test_what_stands_in_a_grid_is_text_and_no_markup() -> None:
    text = text_of(FittedTable(Grid("[red]t", ("[b]a", "b"), (("[c]", "1"),), "[i]below")))
    assert all(part in text for part in ("[red]t", "[b]a", "[c]", "[i]below"))


EVIL = "nose\x1b[2J\u202e\n\r\x07"


def test_no_name_from_a_file_is_obeyed_by_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tables = [FittedTable(Grid(EVIL, (EVIL, "b"), ((EVIL, "1"),), EVIL)), facts_table({EVIL: {EVIL: [EVIL]}}, EVIL)]
    tree = lineage_tree([{"depth": 0, "role": EVIL, "kind": EVIL, "id": EVIL, "path": EVIL, "present": True}])
    result = {"output": EVIL, "kind": "data", "id": "0" * 64}
    show(Outcome(result, [*tables, EVIL, Text(EVIL), tree], EVIL), as_json=False, quiet=False)
    out = capsys.readouterr().out
    assert out.count("nose") >= 11
    assert {one for one in out if not one.isprintable()} == {"\n"}


def test_every_joint_has_a_row_and_every_model_a_column(report: EvaluationReport) -> None:
    text = text_of(FittedTable(joints_table(report)))
    assert row_of(text, "nose") == ["43.3", "46.7", "3.7", "1,200"]
    assert row_of(text, "hip") == ["43.3", "46.7", "3.7", "1,200"]


def test_a_long_name_is_folded_not_lost_on_a_narrow_terminal(report: EvaluationReport) -> None:
    long = replace(report.models[0], name="a-very-long-name-" * 5)
    text = text_of(FittedTable(pck_table(replace(report, models=(long,)))), width=80)
    assert "43.3" in text
    assert "".join(part for line in text.splitlines() for part in line.split()[:1]).count("very-long") == 5


def test_a_training_shows_its_best_epoch() -> None:
    result = {"parameters": 14_526_053, "best_epoch": 2, "best": {"epoch": 2, "val_pck": 0.5}, "history": [{}, {}, {}]}
    text = text_of(fit_table(result))
    assert "14,526,053" in text
    assert "2 of 3" in text
    assert row_of(text, "val PCK %") == ["50"]


@pytest.mark.parametrize(("fvu", "is_poor"), [(0.99, False), (1.0, True), (3.6, True), (None, False)])
def test_an_autoencoder_that_is_no_better_than_the_mean_is_called_that(fvu: float | None, is_poor: bool) -> None:
    result = {"parameters": 7, "best_epoch": 1, "best": {}, "history": [{}], "validation": {"fvu": fvu}}
    assert any(isinstance(table, Text) for table in autoencoder_tables(result)) == is_poor


@pytest.mark.parametrize(
    ("pooled", "each", "named"),
    [
        (0.9, (0.8, 0.9), None),
        (0.3, (0.8, 1.2), "not better for stack 1"),
        (0.3, (1.0, 1.2), "not better for stack 0 and stack 1"),
        (0.3, (None, 0.9), None),
    ],
)
def test_a_pooled_autoencoder_is_measured_by_each_stack(
    pooled: float, each: tuple[float | None, ...], named: str | None
) -> None:
    found = {"validation": {"fvu": pooled}, "validation_by_stack": {str(i): {"fvu": one} for i, one in enumerate(each)}}
    tables = autoencoder_tables({"parameters": 7, "best_epoch": 1, "best": {}, "history": [{}]} | found)
    assert "all stacks together, against their common mean" in text_of(tables[1])
    assert [table.plain.endswith(str(named)) for table in tables if isinstance(table, Text)] == [True] * bool(named)


def test_an_autoencoder_has_one_fvu_that_in_fp32() -> None:
    best = {"train_loss": 0.5, "val_loss": 0.4, "val_fvu": 0.31}
    result = {"parameters": 7, "best_epoch": 1, "best": best, "history": [{}], "validation": {"mse": 0.4, "fvu": 0.32}}
    told, found = (text_of(table) for table in autoencoder_tables(result))
    assert "FVU" not in told and "val loss" not in told and row_of(told, "train loss") == ["0.5"]
    assert row_of(found, "FVU") == ["0.32"]


def test_the_lineage_is_drawn_as_a_tree_and_what_is_gone_is_marked() -> None:
    def one(depth: int, role: str, kind: str, present: bool = True) -> dict[str, Any]:
        return {"depth": depth, "role": role, "kind": kind, "id": kind[0] * 64, "path": f"/{kind}", "present": present}

    lineage = [
        one(0, "", "hourglass"),
        one(1, "model", "baseline"),
        one(2, "data", "crops", False),
        one(1, "data", "crops"),
    ]
    lines = text_of(lineage_tree(lineage)).splitlines()
    assert lines[0] == "hourglass hhhhhhhhhhhh  /hourglass"
    assert lines[1].endswith("model: baseline bbbbbbbbbbbb  /baseline")
    assert lines[2].endswith("data: crops cccccccccccc  /crops  missing")
    assert lines[2].index("data") > lines[1].index("model")
    assert lines[3].index("data") == lines[1].index("model")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (3, "3"),
        (14526053, "14,526,053"),
        (-14526053, "-14,526,053"),
        (0.000123456, "0.0001235"),
        ("x", "x"),
        ("", "-"),
        ([1, 2], "1, 2"),
        ([], "-"),
        (list(range(9)), "0, 1, 2, 3, 4, 5, ..."),
        ({"train": 8000, "val": {"a_b": False}}, "train 8000, val (a b no)"),
        ({}, "-"),
        ({"names": ["nose", "hip"], "limbs": []}, "2 joints: nose, hip"),
    ],
)
def test_any_json_value_fits_on_a_line(value: Any, text: str) -> None:
    assert plain(value) == text


def test_facts_are_names_and_values_and_markup_in_them_stays_text() -> None:
    text = text_of(facts_table({"mean_rgb": [0.5], "note": "[red]x[/red]"}, "Facts"))
    assert "Facts" in text
    assert "mean rgb  0.5" in text
    assert "[red]x[/red]" in text
