"""The table says what was reached, and finds its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.table import MARKS, Row, main, markdown

MACHINE = {"processor": "p", "cores": 2, "threads": 1, "torch": "2", "date": "2026-01-02T03:04:05", "load": 0.25}
MACHINE |= {"fp32_gflop_per_second": 100, "bf16_gflop_per_second": 200}


def test_a_row_is_reached_on_its_own_side_of_the_target() -> None:
    faster, slower = Row("a", 6, 5, "x", ""), Row("b", 4, 5, "x", "")
    less, more = Row("c", 1.5, 3, "s", "", at_most=True), Row("d", 3.5, 3, "s", "", at_most=True)
    assert [row.reached for row in (faster, slower, less, more)] == [True, False, True, False]
    assert markdown([slower, less])[2:] == [
        "| b | 4 x | at least 5 x | no |  |",
        "| c | 1.5 s | at most 3 s | yes |  |",
    ]


def test_the_table_goes_between_its_marks_and_replaces_the_last_one(tmp_path: Path) -> None:
    text, source = tmp_path / "page.md", tmp_path / "rows.json"
    text.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    source.write_text(json.dumps({"machine": MACHINE, "rows": [Row("a", 6, 5, "x", "so").to_json()]}))
    main(str(source), str(text))
    once = text.read_text()
    assert "| a | 6 x | at least 5 x | yes | so |" in once and "old" not in once
    assert "Measured 2026-01-02 on p, 2 cores, 1 computing thread unless" in once
    main(str(source), str(text))
    assert text.read_text() == once
    text.write_text("no marks")
    with pytest.raises(ValueError, match="lacks the lines"):
        main(str(source), str(text))
