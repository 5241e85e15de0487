"""The table of promises counts what tests say, and says when one of them failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.promises import BEGIN, END, Kept, Promise, collect, main, put_into, table


def _report(test: str, *counts: tuple[str, int, str], failed: bool = False) -> Any:
    properties = [("promise", list(one)) for one in counts]
    return SimpleNamespace(nodeid=f"tests/{test}.py::test", user_properties=properties, failed=failed)


def test_equal_units_of_one_promise_are_added_over_tests_and_a_failure_breaks_it() -> None:
    reports = [
        _report("one", ("nothing is lost", 50, "kills"), ("bits are seen", 3, "bits")),
        _report("two", ("nothing is lost", 7, "kills"), ("nothing is lost", 4, "full disks")),
        _report("two", ("bits are seen", 1, "bits"), failed=True),
    ]
    assert table(collect(reports)).splitlines()[2:] == [
        "| bits are seen | **broken** (4 bits) | `tests/one.py`, `tests/two.py` |",
        "| nothing is lost | 57 kills, 4 full disks | `tests/one.py`, `tests/two.py` |",
    ]


def test_what_was_tried_once_is_said_in_the_singular() -> None:
    once = Promise("It holds", {"runs": 1, "kills at a random time": 1, "tries": 1, "calls": 2})
    assert "1 run, 1 kill at a random time, 1 try, 2 calls |" in table([once])


def test_nothing_tried_is_no_promise_kept(kept: Kept) -> None:
    with pytest.raises(AssertionError, match="nothing was tried"):
        kept("anything", 0, "kills")


def test_the_table_takes_the_place_of_the_old_one() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_into(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="lacks"):
        put_into("nothing", "new")


def test_a_run_writes_the_table_into_a_text(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from tests.promises import kept, pytest_addoption, pytest_terminal_summary")
    pytester.makepyfile("def test_it(kept):\n    kept('it holds', 1200, 'tries')\n")
    page = pytester.path / "text.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    found = pytester.runpytest_inprocess("--promises", "made.json")
    row = "| it holds | 1,200 tries | `test_a_run_writes_the_table_into_a_text.py` |"
    found.stdout.fnmatch_lines([row])
    main(str(pytester.path / "made.json"), str(page))
    assert row in page.read_text()
