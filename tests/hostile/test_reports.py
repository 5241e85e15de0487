"""Reports of every kind with one place changed, in artefacts with an id that fits: read, or refused in one line."""

from __future__ import annotations

import copy
import dataclasses
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import FileEntry, read_manifest
from shgae.artifacts.strict_json import parse
from shgae.artifacts.typed_json import Schema
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import STUDY
from shgae.execution import Execution
from shgae.plots import rates
from shgae.recipes import ReportConfig
from shgae.reporting import evaluation, latent, splice, study
from shgae.stages import plot, report
from tests.builders.old_artefacts import IDS
from tests.end_to_end.conftest import ROOT
from tests.hostile.conftest import run

Place = tuple[str | int, ...]
SCHEMAS: dict[str, Schema[Any]] = {
    "evaluation": EVALUATION,
    "study": STUDY,
    "splice": SPLICE_REPORT,
    "rate": RATE_REPORT,
    "analysis": ANALYSIS_REPORT,
}
KINDS = tuple(name for name, (kind, _) in IDS.items() if kind in SCHEMAS)
COMMANDS = {"plot": "plot {} -o x --force", "report": "report {} -o x.html --force --people 0"}
ODD = (
    *(None, True, 0, 1, -1, 2, 7, 10**6, 2**63, 10**30, 0.5, -0.5, 1e-300, 1e30, 1e300, float("nan"), float("inf")),
    *("", "x", "none", "train", "\x1b[31m\u202e", "$\\frac$", "a\nb", [], [[]], [0], ["x"], {}, {"x": 1}),
)


@pytest.fixture
def old(here: Path) -> Path:
    """One artefact of each kind in the current folder."""
    with tarfile.open(ROOT / "tests" / "artifacts" / "schema_1.tar.xz") as archive:
        archive.extractall(here, filter="data")
    return here


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Where anything stands in a JSON value."""
    yield here
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*here, key))


def changed(value: Any, place: Place, new: Any) -> Any:
    """A copy with something else at one place; :data:`...` takes it away."""
    if not place:
        return new
    copied = copy.deepcopy(value)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    if new is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    return copied


def forge(name: str, report: Any) -> None:
    """Gives an artefact another report, and a manifest that fits it."""
    path = Path(name, "report.json")
    path.write_text(json.dumps(report))
    manifest = read_manifest(Path(name))
    entry = FileEntry(hash_file(path), path.stat().st_size)
    manifest = dataclasses.replace(manifest, files={**manifest.files, "report.json": entry})
    Path(name, "manifest.json").write_text(json.dumps(manifest.to_json()))


def in_the_form_of_today(name: str, report: Any) -> Any:
    """What this shgae would have written of the same numbers."""
    schema = SCHEMAS[IDS[name][0]]
    return json.loads(json.dumps(schema.to_json(schema.from_json(report, name))))


every_kind = pytest.mark.parametrize("name", KINDS)
HEALTH = [HealthCheck.function_scoped_fixture]


@every_kind
@settings(max_examples=5, deadline=None, suppress_health_check=HEALTH)
@given(data=st.data())
def test_a_report_with_one_place_changed_is_read_or_refused(old: Path, name: str, data: st.DataObject) -> None:
    check_changed(name, data)


@pytest.mark.torture
@pytest.mark.timeout(1200)
@every_kind
@settings(max_examples=200, deadline=None, suppress_health_check=HEALTH)
@given(data=st.data())
def test_many_more_changed_reports_are_read_or_refused(old: Path, name: str, data: st.DataObject) -> None:
    check_changed(name, data)


def check_changed(name: str, data: st.DataObject) -> None:
    true = Path(name, "true.json")
    if not true.exists():
        true.write_bytes(Path(name, "report.json").read_bytes())
    whole = parse(true.read_bytes())
    if data.draw(st.booleans()):
        whole = in_the_form_of_today(name, whole)
    place = data.draw(st.sampled_from(list(places(whole))))
    new = data.draw(st.sampled_from((..., *ODD) if place else ODD))
    forge(name, changed(whole, place, new))
    command = data.draw(st.sampled_from(sorted(COMMANDS)))
    run(*COMMANDS[command].format(name).split()).check(seconds=60, longest=400)


SLIPS: dict[str, tuple[Any, str]] = {
    "evaluation": (evaluation, "bars_title"),
    "study/report": (study, "forest"),
    "splice": (splice, "code_lines"),
    "rate": (rates, "_scores"),
    "analysis": (latent, "_spectra"),
}
"""Where a bug may be, in what draws or tells a report."""


@every_kind
@pytest.mark.parametrize("slip", [KeyError, ValueError, ZeroDivisionError, IndexError, RecursionError, TypeError])
def test_a_bug_of_ours_never_reads_as_the_file_of_the_user(
    old: Path, monkeypatch: pytest.MonkeyPatch, name: str, slip: type[Exception]
) -> None:
    def raising(*_: Any, **__: Any) -> Any:
        raise slip("a bug")

    room, function = SLIPS[name]
    monkeypatch.setattr(room, function, raising)
    monkeypatch.setattr(plot.study, "forest", raising)
    with pytest.raises(slip, match="a bug"):
        if name in ("study/report", "rate"):
            plot.run([Path(name)], Path("x"), Execution())
        else:
            report.run([Path(name)], Path("x.html"), ReportConfig(people=0), Execution())
    assert not Path("x").exists() and not Path("x.html").exists()
