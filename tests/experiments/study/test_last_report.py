"""The place of a study's report, and what is lost or damaged in its folder: found before any work, with a way on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shgae.artifacts.manifest import PLAN
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments import compare
from shgae.experiments.compare import CompareConfig, GivenArm
from shgae.experiments.study import registration, run
from shgae.stages import verify
from tests.builders.artefacts import make
from tests.builders.chain import Chain
from tests.builders.studies import TINY, Whole, read_plan

LATER = replace(TINY, seeds=3)
"""With parts that are not there yet."""


@pytest.fixture
def study(whole: Whole, tmp_path: Path) -> Path:
    return shutil.copytree(whole.output, tmp_path / "study")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts}


def compared(chain: Chain, study: Path) -> None:
    arms = [GivenArm(arm, (study / f"seed-0/arm-{arm}/scores",)) for arm in ("none", "full")]
    compare.run(arms, chain.data, study / "report", CompareConfig(), Execution())


def note(_: Chain, study: Path) -> None:
    (study / "report").mkdir()
    (study / "report/notes.txt").write_text("mine")


def another_kind(_: Chain, study: Path) -> None:
    make(study / "report")


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("put", [compared, note, another_kind])
@pytest.mark.parametrize("is_registered", [True, False])
def test_what_is_not_its_own_report_is_never_replaced_and_refused_before_any_work(
    chain: Chain, study: Path, put: Callable[[Chain, Path], None], is_registered: bool
) -> None:
    shutil.rmtree(study / "report")
    put(chain, study)
    if not is_registered:
        (study / PLAN).unlink()
    before = contents(study)
    for asked in (TINY, LATER):
        with pytest.raises(Refused) as refused:
            run.run(chain.baseline, chain.data, study, asked, Execution())
        assert refused.value.where == str(study / "report") and refused.value.fix.startswith("move it away")
    assert contents(study) == before


@pytest.mark.usefixtures("sketched")
def test_a_lost_plan_is_that_of_the_last_report(whole: Whole, chain: Chain, study: Path) -> None:
    plan, content = read_plan(study), (study / PLAN).read_bytes()
    (study / PLAN).unlink()
    with pytest.raises(Refused, match=r"margin: 2\.0 here, 1\.0 there"):
        run.listing(chain.baseline, chain.data, study, replace(TINY, margin=2.0), Execution())
    assert not (study / PLAN).exists()
    assert run.run(chain.baseline, chain.data, study, TINY, Execution()).report == whole.report
    assert (study / PLAN).read_bytes() == content
    (study / PLAN).unlink()
    forced = run.run(chain.baseline, chain.data, study, replace(TINY, margin=2.0), Execution(force=True)).report
    assert forced.registered is not None and forced.registered.replaced == (plan.sha256,)
    assert (study / f"plan-{plan.sha256[:12]}.json").read_bytes() == content


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("name", [PLAN, registration.LOOKS])
@pytest.mark.parametrize("place", [10, 30, -5])
def test_a_damaged_plan_or_look_is_told_before_any_work_and_its_advice_works(
    whole: Whole, chain: Chain, study: Path, name: str, place: int
) -> None:
    content = bytearray((study / name).read_bytes())
    content[place] ^= 0x80
    (study / name).write_bytes(content)
    with pytest.raises(Refused) as refused:
        run.listing(chain.baseline, chain.data, study, LATER, Execution())
    assert refused.value.where == str(study / name) and refused.value.fix.startswith("remove that file")
    (study / name).unlink()
    assert run.run(chain.baseline, chain.data, study, TINY, Execution()).report == whole.report
    assert verify.run(study).fault() is None
