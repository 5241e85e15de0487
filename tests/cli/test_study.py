"""``shgae study`` on the command line: tables, the sentence, one JSON object, and what it would take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shgae.cli.app import main
from shgae.evaluation.study_report import STUDY
from shgae.option_lists import ARMS_EXAMPLE
from shgae.reporting.study import conclusion
from tests.builders.chain import Chain

OPTIONS = (
    *("--arms", "a,e", "--seeds", "1", "--epochs", "1", "--batch-size", "4", "--precision", "fp32"),
    *("--code-size", "6", "--ae-epochs", "1", "--device", "cpu", "--workers", "0"),
)


def study(chain: Chain, output: Path, *more: str) -> int:
    return main(["study", str(chain.baseline), str(chain.data), "-o", str(output), *OPTIONS, *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Path:
    output = tmp_path_factory.mktemp("cli") / "study"
    assert study(chain, output, "--quiet") == 0
    return output


def test_it_ends_with_the_sentence_the_tables_and_the_budget(made: Path, chain: Chain, capsys) -> None:
    assert study(chain, made, "--resume") == 0
    out, err = capsys.readouterr()
    assert conclusion(STUDY.read(made / "report/report.json")) in " ".join(out.split())
    assert "full - none" in out
    assert "Equal budget, checked" in out
    assert f"study {json.loads((made / 'report/manifest.json').read_text())['id'][:12]}" in out
    assert "-- " not in err, "nothing was left to make"


def test_json_is_the_report(made: Path, chain: Chain, capsys) -> None:
    assert study(chain, made, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    report = json.loads((made / "report/report.json").read_text())
    assert {key: told[key] for key in report} == report
    assert (told["made"], told["kind"]) == ([], "study")
    assert told["conclusion"] == conclusion(STUDY.read(made / "report/report.json"))


def test_info_and_verify_know_the_report_and_every_network_behind_it(made: Path, chain: Chain, capsys) -> None:
    networks = {str(made / "seed-0" / arm / "finetuned") for arm in ("arm-none", "arm-full")} | {str(chain.baseline)}
    assert main(["verify", str(made / "report"), "--json"]) == 0
    assert {*networks, str(made / "report")} <= {*json.loads(capsys.readouterr().out)["verified"]}
    assert main(["info", str(made / "report"), "--json"]) == 0
    assert networks <= {one["path"] for one in json.loads(capsys.readouterr().out)["lineage"]}


def test_a_dry_run_says_what_and_how_long(tmp_path: Path, made: Path, chain: Chain, capsys) -> None:
    assert study(chain, tmp_path / "s", "--dry-run") == 0
    out = capsys.readouterr().out
    row = next(line.split() for line in out.splitlines() if "fine-tuning (pre-trained autoencoder)" in line)
    assert row[:6] == ["full", "fine-tuning", "(pre-trained", "autoencoder)", "0", "1"], "none there, one to make"
    assert "in all: about" in out
    assert not (tmp_path / "s").exists()
    assert study(chain, made, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == 0


def test_an_arm_that_is_none_is_refused_in_one_line(tmp_path: Path, chain: Chain, capsys) -> None:
    assert study(chain, tmp_path / "s", "--arms", "x") == 2
    assert capsys.readouterr().err.endswith(f"Try: --arms {ARMS_EXAMPLE}.\n")
    assert study(chain, tmp_path / "s", "--arms", ARMS_EXAMPLE, "--dry-run") == 0, "the fix is taken"
    assert study(chain, tmp_path / "s", "--arms", "none,ful") == 2
    assert "(did you mean full?)" in capsys.readouterr().err


def test_the_plan_lists_parts_that_can_be_made_one_by_one(made: Path, tmp_path: Path, chain: Chain, capsys) -> None:
    assert study(chain, tmp_path / "s", "--plan", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    trained = [part["name"] for part in listed["parts"] if part["step"] == "finetune"]
    assert trained == ["seed-0/arm-none/finetuned", "seed-0/arm-full/finetuned"]
    assert (tmp_path / "s/plan.json").is_file()
    assert study(chain, tmp_path / "s", "--only", trained[0], "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "hourglass"
    assert study(chain, tmp_path / "s", "--plan") == 0
    assert f"plan {listed['plan'][:12]}: 1 of {len(listed['parts'])} parts done, 0 running" in capsys.readouterr().out
    assert study(chain, made, "--plan", "--json") == 0
    assert {part["state"] for part in json.loads(capsys.readouterr().out)["parts"]} == {"done"}


def test_parts_side_by_side_keep_what_is_there(made: Path, chain: Chain, capsys) -> None:
    assert study(chain, made, "--jobs", "2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["made"] == []
    assert study(chain, made, "--jobs", "0") == 2
    assert "--jobs: 0" in capsys.readouterr().err


def test_another_margin_than_the_registered_one_is_refused_in_one_line(made: Path, chain: Chain, capsys) -> None:
    assert study(chain, made, "--margin", "2") == 2
    assert "(margin: 2.0 here, 1.0 there)" in capsys.readouterr().err
