"""A reader of its own answers what it read, and is ended at its bounds, at a wish to stop and with who asked."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shgae.artifacts.input_file import open_input
from shgae.artifacts.reader_process import REFUSES, Answer, TooLong, ask
from shgae.execution import StopFlag

Ask = Callable[..., Answer]
BEGIN = "import os, resource, signal, sys, time\nfrom shgae.artifacts.reader_process import REFUSES, begin\n"
SLEEPS = "import time\ntime.sleep(20)\n"
MEGABYTE = 1 << 20


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks a program, by its text, for what stands in a file; the program runs in the folder of the test."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (tmp_path / "x").write_bytes(b"abcdef")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(modules), *filter(None, sys.path)])

    def asked(
        program: str, *words: str, seconds: float = 30.0, most: int = MEGABYTE, stop: StopFlag | None = None
    ) -> Answer:
        (modules / "reader_of_a_test.py").write_text(program)
        with open_input(Path("x")) as file:
            assert file.read(3) == b"abc", "what was read before is read again"
            return ask("reader_of_a_test", words, file, seconds, most, StopFlag() if stop is None else stop)

    return asked


def test_it_is_told_who_asks_and_its_words_and_reads_the_file_from_its_beginning(asked: Ask) -> None:
    program = "import sys\nprint(sys.argv[1:], sys.stdin.read())\nprint('oh', file=sys.stderr)\nsys.exit(7)\n"
    assert asked(program, "a b", "-c") == Answer(7, f"{[str(os.getpid()), 'a b', '-c']} abcdef\n".encode(), "oh\n")


def test_bytes_are_answered_as_they_are_and_what_is_said_is_text_whatever_it_holds(asked: Ask) -> None:
    program = "import sys\nsys.stdout.buffer.write(b'\\0\\xff\\r\\n')\nsys.stderr.buffer.write(b'a\\xff')\n"
    assert asked(program) == Answer(0, b"\0\xff\r\n", "a\ufffd")


def test_a_signal_that_killed_it_is_its_code(asked: Ask) -> None:
    assert asked("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n").code == -signal.SIGSEGV


def test_one_that_has_answered_may_take_its_time_to_end(asked: Ask) -> None:
    program = "import os, time\nos.write(1, b'x')\nos.close(1)\nos.close(2)\ntime.sleep(0.2)\nos._exit(7)\n"
    assert asked(program) == Answer(7, b"x", "")


def test_it_has_a_session_of_its_own_and_takes_no_module_from_the_folder(asked: Ask, tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemExit(9)\n")
    answer = asked("import colorsys, os\nprint(os.getsid(0) == os.getpid() != os.getppid())\n")
    assert answer == Answer(0, b"True\n", "")


@pytest.mark.parametrize("most", [0, 5, 100_000])
def test_an_answer_may_be_as_long_as_said_and_no_byte_longer(asked: Ask, most: int) -> None:
    program = "import sys\nsys.stdout.write('x' * int(sys.argv[2]))\n"
    assert asked(program, str(most), most=most).out == b"x" * most
    with pytest.raises(TooLong):
        asked(program, str(most + 1), most=most)


def test_one_that_answers_without_end_is_killed(asked: Ask) -> None:
    with pytest.raises(TooLong):
        asked("import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))\n", most=3 * MEGABYTE)


def test_of_what_it_says_the_first_64_kilobytes_are_kept_and_the_rest_does_not_hold_it_up(asked: Ask) -> None:
    program = "import sys\nfor i in range(40): sys.stderr.write(f'{i:04}' * 1250)\nprint('done')\n"
    whole = "".join(f"{i:04}" * 1250 for i in range(40))
    assert asked(program, most=5) == Answer(0, b"done\n", whole[: 1 << 16])


def test_one_that_takes_too_long_is_killed(asked: Ask) -> None:
    begun = time.monotonic()
    with pytest.raises(TooLong):
        asked(SLEEPS, seconds=0.4)
    assert 0.4 <= time.monotonic() - begun < 15


def test_at_a_wish_to_stop_it_is_killed_and_its_end_is_told(asked: Ask) -> None:
    begun, stop = time.monotonic(), StopFlag()
    timer = threading.Timer(0.2, setattr, (stop, "signal_number", signal.SIGINT))
    timer.start()
    assert asked(SLEEPS, stop=stop).code == -signal.SIGKILL
    assert time.monotonic() - begun < 15
    timer.join()


def test_it_ends_with_the_process_that_asked_and_not_before(asked: Ask) -> None:
    deaf = f"{BEGIN}signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    assert asked(f"{deaf}begin(1, 1 << 30)\ntime.sleep(20)\n").code == -signal.SIGTERM
    assert asked(f"{deaf}begin(int(sys.argv[1]), 1 << 30)\ntime.sleep(0.3)\nprint('here')\n").out == b"here\n"


def test_signals_do_to_it_what_they_do_to_any_process(asked: Ask) -> None:
    program = (
        "both = (signal.SIGINT, signal.SIGTERM)\nfor one in both: signal.signal(one, signal.SIG_IGN)\n"
        "begin(int(sys.argv[1]), 1 << 30)\nprint([signal.getsignal(one) == signal.SIG_DFL for one in both])\n"
    )
    assert asked(BEGIN + program).out == b"[True, True]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_it_takes_so_much_memory_beyond_its_own_and_no_more(asked: Ask) -> None:
    program = (
        "before = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "begin(int(sys.argv[1]), 300 << 20)\n"
        "print(before, *resource.getrlimit(resource.RLIMIT_AS), flush=True)\n"
        "try:\n    bytearray(320 << 20)\nexcept MemoryError:\n    sys.exit(REFUSES)\n"
    )
    answer = asked(BEGIN + program)
    before, soft, hard = (int(one) // MEGABYTE for one in answer.out.split())
    assert answer.code == REFUSES == 3
    assert soft == hard and before + 300 <= soft <= before + 300 + 150, "the thread of its own may have 150 of them"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("kinds", ["(low, low)", "(low, high)"])
def test_it_takes_no_more_memory_than_the_user_allows(asked: Ask, kinds: str) -> None:
    program = (
        f"low, high = 2 << 30, 4 << 30\nresource.setrlimit(resource.RLIMIT_AS, {kinds})\n"
        "begin(int(sys.argv[1]), 3 << 30)\nprint(*resource.getrlimit(resource.RLIMIT_AS))\n"
    )
    assert asked(BEGIN + program).out.split() == [b"2147483648"] * 2
