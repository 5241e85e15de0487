"""What is changed to see whether tests notice: places where the code decides, and no words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.mutants import ROOT, TESTS, Count, mutants, table


def changes(source: str) -> list[str]:
    return [mutant.change for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("a < b <= c", ["a < b <= c -> a <= b <= c", "a < b <= c -> a < b < c"]),
        ("x = a is None", ["a is None -> a is not None"]),
        ("x = a or b", ["a or b -> a and b", "a or b -> b", "a or b -> a"]),
        ("x = not a", ["not a -> a"]),
        ("x = a + 1", ["a + 1 -> a - 1", "1 -> 2"]),
        ("x = True", ["True -> False"]),
        ("if a:\n    pass", ["if a: -> if True:", "if a: -> if False:"]),
        ("x = b if a else c", ["b if a else c -> b if True else c", "b if a else c -> b if False else c"]),
        ("call(a)", ["call(a) -> pass"]),
        ("x += y", ["x += y -> pass"]),
        ("for x in y:\n    continue", ["continue -> pass"]),
        ("def f():\n    return a", ["return a -> return None"]),
        ("[x for x in y if x]", ["[x for x in y if x] -> [x for x in y]"]),
    ],
)
def test_every_kind_of_change_is_made(source: str, made: list[str]) -> None:
    assert changes(source) == made


@pytest.mark.parametrize(
    "source",
    [
        'x = "a text"',
        'x = f"{1 + 2} people"',
        "def f(a: int | None = None) -> X[1]:\n    '''A docstring.'''",
        "return_ = None",
    ],
)
def test_words_and_types_are_left_alone(source: str) -> None:
    assert changes(source) == []


def test_what_is_raised_may_stay_away_but_says_the_same() -> None:
    assert changes("raise Refused(what, 1 + 2, True)") == ["raise Refused(what, 1 + 2, True) -> pass"]


def test_a_function_with_a_decorator_is_changed_and_its_decorator_is_not() -> None:
    assert changes("@dataclass(frozen=True)\nclass A:\n    x = 1") == ["1 -> 2"]


def test_each_mutant_differs_in_one_place_from_the_module_and_tells_its_line() -> None:
    found = [(mutant.line, mutant.source) for mutant in mutants("# what\na = 1\nb = 2\n")]
    assert found == [(2, "a = 2\nb = 2"), (3, "a = 1\nb = 3")]


def test_every_room_of_the_disk_has_its_tests_and_they_are_there() -> None:
    rooms = {path.relative_to(ROOT / "shgae").as_posix() for path in (ROOT / "shgae" / "artifacts").glob("[!_]*.py")}
    assert rooms <= TESTS.keys()
    assert all((ROOT / "shgae" / module).is_file() for module in TESTS)
    assert all((ROOT / "tests" / name).is_file() for tests in TESTS.values() for name in tests)


def test_the_table_adds_up() -> None:
    rows = table([Count("a.py", 100, 20, 18), Count("b.py", 10, 10, 10)], 5).splitlines()
    assert rows[2:5] == [
        "| `a.py` | 100 | 20 | 18 | 90 % |",
        "| `b.py` | 10 | 10 | 10 | 100 % |",
        "| **all** | 110 | 30 | 28 | 93 % |",
    ]
    assert "--seed 5" in rows[-1]


@pytest.mark.torture
def test_a_mutant_is_noticed() -> None:
    words = ["-m", "tests.mutants", "artifacts/command_line.py", "--per-module", "1", "--jobs", "1"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert "artifacts/command_line.py: 1 of 1 noticed" in done.stdout, done.stdout + done.stderr
