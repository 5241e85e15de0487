"""What make gpu found goes between its marks; without a GPU it says so, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.benchmarks import gpu
from tests.benchmarks.gpu_page import MARKS, main

MACHINE = {"date": "2026-01-02", "device": "cuda:0 (H)", "torch": "2"}
ROWS: list[dict[str, Any]] = [
    {
        "what": "correctness",
        "target": None,
        "maps_differ_by": 1e-5,
        "maps_up_to": 1.0,
        "sgd_resumes_exactly": True,
        "took": 3.0,
    },
    {"what": "extraction", "target": 20, "precision": "bf16", "seconds_for_coco": 19.5, "peak_memory_gb": 4.0},
    {"what": "autoencoder epoch", "target": 2, "seconds_for_coco": 12.25},
]


def junit(folder: Path, failures: int = 0, skipped: int = 0) -> str:
    path = folder / "tests.xml"
    path.write_text(
        f'<testsuites><testsuite tests="20" errors="0" failures="{failures}" skipped="{skipped}"/></testsuites>'
    )
    return str(path)


def written(folder: Path, rows: list[dict[str, Any]], tests: str) -> tuple[int, str]:
    source, page = folder / "rows.jsonl", folder / "page.md"
    source.write_text("".join(json.dumps(row) + "\n" for row in [MACHINE, *rows]))
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    return main(str(source), tests, str(page)), page.read_text()


def test_the_rows_stand_in_the_page_with_what_was_reached(tmp_path: Path) -> None:
    code, text = written(tmp_path, ROWS, junit(tmp_path, skipped=2))
    assert code == 0
    assert "18 of 20 tests passed, 2 skipped" in text
    assert "| correctness |  |  |  | maps differ by 1e-05; maps up to 1; sgd resumes exactly yes |" in text
    assert "| extraction | 19.5 s | at most 20 s | yes | precision bf16; peak memory gb 4 |" in text
    assert "| autoencoder epoch | 12.2 s | at most 2 s | no |  |" in text
    assert "Measured 2026-01-02 on cuda:0 (H), torch 2." in text
    assert "old" not in text and text.startswith("before\n") and text.endswith("after\n")


def test_what_there_was_no_time_for_is_no_fault(tmp_path: Path) -> None:
    late = {"what": "launches", "left_out": "no time was left"}
    code, text = written(tmp_path, [*ROWS, late], junit(tmp_path))
    assert code == 0 and "| launches | not measured |  |  | no time was left |" in text


def test_tests_that_left_no_results_count_as_failed(tmp_path: Path) -> None:
    code, text = written(tmp_path, ROWS, str(tmp_path / "absent.xml"))
    assert code == 1 and "**the tests did not end**" in text


def test_maps_of_another_device_are_judged(tmp_path: Path) -> None:
    code, _ = written(tmp_path, [ROWS[0] | {"maps_differ_by": 2e-4}, *ROWS[1:]], junit(tmp_path))
    assert code == 1


@pytest.mark.parametrize("fault", ["a test", "a part", "another result"])
def test_what_failed_is_written_and_is_the_exit_code(tmp_path: Path, fault: str) -> None:
    rows = list(ROWS)
    if fault == "a part":
        rows.append({"what": "launches", "failed": "not done in | 60 s"})
    if fault == "another result":
        rows[0] = rows[0] | {"sgd_resumes_exactly": False}
    code, text = written(tmp_path, rows, junit(tmp_path, failures=int(fault == "a test")))
    assert code == 1
    assert {"a test": "1 failed", "a part": "| **failed** |  |  | not done in / 60 s |"}.get(
        fault, "exactly no"
    ) in text


@pytest.mark.parametrize("words", [["--check"], ["--output", "rows.jsonl"], ["--part", "extraction"]])
def test_without_a_gpu_one_line_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for built, hint in ((None, "built for CPUs only"), ("12.6", "nvidia-smi")):
        monkeypatch.setattr(torch.version, "cuda", built)
        assert gpu.main(words) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and hint in err
    assert not list(tmp_path.iterdir())
