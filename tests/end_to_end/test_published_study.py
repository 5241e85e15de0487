"""The study that docs/ publishes, as it was planned and with the arms that came later: each folder says what the pages
say, and its tables are made again from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.evaluation.study_report import StudyReport, read_study
from shgae.metrics.statistics import Verdict
from shgae.reporting import study
from shgae.reporting.table import pages, percent, points, span
from tests.builders.pages import ROOT, page

FOLDER, ARMS, SECOND = (ROOT / "docs" / name for name in ("lspet-study", "lspet-arms", "lspet-second"))


@pytest.fixture(scope="module")
def report() -> StudyReport:
    return read_study(open_artifact(FOLDER, "study"))


@pytest.mark.parametrize("folder", [FOLDER, ARMS, SECOND], ids=lambda folder: folder.name)
def test_tables_plan_and_conclusion_are_made_again_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    report = read_study(open_artifact(folder, "study"))
    made = pages(study.tables(report), study.conclusion(report), *study.notes(report))
    assert set(made) == {"tables.md", "tables.tex"}
    for name, content in made.items():
        assert (folder / name).read_bytes() == content


@pytest.mark.parametrize("folder", [FOLDER, ARMS, SECOND], ids=lambda folder: folder.name)
def test_it_can_be_described_and_drawn_without_its_networks(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["seeds"] == list(range(5 if folder == SECOND else 8))
    assert main(["verify", str(folder), "--allow-missing", "--quiet"]) == 0
    assert main(["plot", str(folder), "-o", str(tmp_path / "figures"), "--quiet"]) == 0
    assert (tmp_path / "figures" / "differences.svg").is_file()


def test_another_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shutil.copytree(FOLDER, tmp_path / "study")
    plan = (other / "plan.json").read_text(encoding="utf-8")
    assert '"margin": 1.0' in plan
    (other / "plan.json").write_text(plan.replace('"margin": 1.0', '"margin": 2.0'), encoding="utf-8")
    assert main(["info", str(other)]) == 2
    assert "plan" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["README.md", "docs/results.md"])
def test_the_pages_tell_its_numbers(report: StudyReport, path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert report.primary is not None and (found := report.primary.groups.all) is not None
    assert f"{points(found.value)} ({span(found, points)})" in text
    assert report.verdict is Verdict.EQUIVALENT and "equivalent" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    told = {cell.strip("`| "): others for cell, *others in reversed(rows)}  # the first table is the one of this study
    for arm in report.arms:
        assert percent(arm.pck["all"]) in told[arm.name], arm.name


@pytest.mark.parametrize("folder", [FOLDER, ARMS, SECOND], ids=lambda folder: folder.name)
def test_the_tables_of_results_have_every_seed_and_every_difference_to_the_control(folder: Path) -> None:
    report, text = read_study(open_artifact(folder, "study")), page("results").text
    for arm in report.arms:
        assert ", ".join(percent(one.all) for one in arm.by_seed) in text
    for one in report.differences:
        if one.minus == "none" and (found := one.groups.all) is not None:
            assert f"{points(found.value)} ({span(found, points)})" in text, one.arm


def test_arms_that_were_added_changed_nothing_that_was_said_of_planned_ones(report: StudyReport) -> None:
    planned = {(one.arm, one.minus): one for one in report.differences}
    later = {(one.arm, one.minus): one for one in read_study(open_artifact(ARMS, "study")).differences}
    assert {pair: later[pair] for pair in planned} == planned


def test_the_plan_is_one_and_the_later_report_says_which_arms_were_added() -> None:
    assert (FOLDER / "plan.json").read_bytes() == (ARMS / "plan.json").read_bytes()
    registered = read_study(open_artifact(ARMS, "study")).registered
    assert registered is not None and {"random", "pca", "dropout", "weight-decay", "frozen", "wide"} == set(
        registered.added_arms
    )


@pytest.mark.parametrize("path", ["README.md", "docs/results.md"])
def test_the_pages_tell_what_the_second_baseline_gave(path: str) -> None:
    report = read_study(open_artifact(SECOND, "study"))
    assert report.primary is not None and (found := report.primary.groups.all) is not None
    assert report.verdict is Verdict.WORSE and report.primary.within_margin
    assert f"{points(found.value)} ({span(found, points)}" in (ROOT / path).read_text(encoding="utf-8")
    first = read_study(open_artifact(FOLDER, "study"))
    assert report.budget is not None and first.budget is not None
    assert report.budget.model != first.budget.model
    assert (report.budget.data, report.budget.config) == (first.budget.data, first.budget.config)
