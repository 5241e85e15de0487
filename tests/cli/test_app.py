from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shgae import __version__
from shgae.cli.app import main
from shgae.cli.command import Outcome, beside, command, free, near, typed
from shgae.cli.launcher import Launch
from shgae.errors import DiskError, Diverged, Refused
from shgae.execution import Execution
from shgae.recipes import TrainConfig


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class DistBackendError(RuntimeError):
    """Named as torch's."""


ENDS = [
    (Refused("crops", "a/b", "none", "more"), 2, "error: crops in a/b: none. Try: more."),
    (Diverged("loss", "epoch 3", "it is nan"), 4, "error: loss in epoch 3: it is nan."),
    (DiskError("disk", "/x", "full"), 5, "error: disk in /x: full."),
    (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 5, "error: disk or I/O in /x/y: "),
    (PermissionError(errno.EACCES, "Permission denied", "/x"), 5, "error: disk or I/O in /x: "),
    (OSError(errno.ENAMETOOLONG, "File name too long", "/x" * 999), 2, "error: path in /x/x/x/"),
    (OSError(errno.ELOOP, "Too many levels of symbolic links", "/x"), 2, "error: path in /x: "),
    (FileExistsError(errno.EEXIST, "File exists", "/x"), 2, "error: path in /x: "),
    (IsADirectoryError(errno.EISDIR, "Is a directory", "/.x.tmp", None, "/x"), 2, "error: path in /x: "),
    (IsADirectoryError(errno.EISDIR, "Is a directory", "/x"), 2, "error: path in /x: "),
    (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), 2, "error: path in the current folder: "),
    (FileNotFoundError(errno.ENOENT, "No usable temporary directory"), 5, "error: disk or I/O in a file: No usable"),
    (OSError("strange"), 5, "error: disk or I/O in a file: strange"),
    (MemoryError(), 2, "error: memory in shgae"),
    (OutOfMemoryError("CUDA out of memory"), 2, "error: memory in shgae"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "error: memory in shgae"),
    (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might"), 2, "error: memory in shgae"),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), 2, "error: memory in shgae"),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), 2, "error: memory in shgae"),
    (
        RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"),
        2,
        "error: device in shgae probe: ",
    ),
    (
        RuntimeError("CUDA error: no kernel image is available for execution on the device"),
        2,
        "error: device in shgae probe: ",
    ),
    (
        RuntimeError("The NVIDIA driver on your system is too old (found version 11040)"),
        2,
        "error: device in shgae probe: ",
    ),
    (
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        2,
        "error: device in shgae probe: ",
    ),
    (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), 2, "error: device in shgae probe: "),
    (
        DistBackendError("NCCL error in: NCCLUtils.cpp:77, unhandled system error\nLast error:\nno room in /dev/shm"),
        5,
        "error: another process in shgae probe: ",
    ),
    (RuntimeError("CUDA error: an illegal memory access was encountered"), 1, "error: this is a bug: RuntimeError"),
    (ValueError("two\nlines"), 1, "error: this is a bug: ValueError: two lines"),
    (EOFError(), 1, "error: this is a bug: EOFError"),
]


@pytest.mark.parametrize(("error", "code", "line"), ENDS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)])
def test_every_end_is_one_line_on_standard_error_and_its_code(probe, capsys, error, code, line, options) -> None:
    def body(config: TrainConfig, execution: Execution) -> Outcome:
        raise error

    probe.body = body
    assert probe(*options) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), BlockingIOError(errno.EAGAIN, ""), KeyboardInterrupt()]
)
def test_a_launcher_that_fails_ends_as_any_command(probe, capsys, monkeypatch, error) -> None:
    def fails(**_: object) -> None:
        raise error

    def body(config: TrainConfig, execution: Execution) -> Outcome:
        raise Launch(2)

    probe.body = body
    monkeypatch.setattr(subprocess, "Popen", fails)
    assert probe() == {OSError: 5, BlockingIOError: 2, KeyboardInterrupt: 130}[type(error)]
    assert capsys.readouterr().err.count("\n") == isinstance(error, Exception)


def test_a_resumed_run_that_lacks_memory_is_not_told_to_change_its_batch_size(probe, capsys) -> None:
    def body(config: TrainConfig, execution: Execution) -> Outcome:
        raise OutOfMemoryError("CUDA out of memory")

    probe.body = body
    assert probe("--resume") == 2
    assert "Try: the same command" in capsys.readouterr().err


def test_a_backend_of_a_notebook_is_not_asked_for(monkeypatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("MATPLOTLIBRC", "/nowhere/matplotlibrc")
    assert main(["--version"]) == 0
    assert (os.environ["MPLBACKEND"], os.environ["MATPLOTLIBRC"]) == ("agg", os.devnull)


def test_a_date_that_is_none_does_not_end_a_figure(monkeypatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main(["--version"]) == 0
    assert "SOURCE_DATE_EPOCH" not in os.environ, "no figure holds a time"


@pytest.mark.parametrize("words", ["doctor", "evaluate /nothing /nothing", "train /nothing -o /nothing/out"])
def test_a_current_folder_that_was_deleted_is_told_in_one_line(tmp_path: Path, words: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os, sys; os.rmdir({str(gone)!r}); from shgae.cli.app import main; sys.exit(main())"
    line = [sys.executable, "-c", script, *words.split()]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(line, cwd=gone, env=os.environ | path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: path in the current folder: ") and done.stderr.count("\n") == 1


def test_a_bug_shows_its_traceback_when_asked(probe, capsys, monkeypatch) -> None:
    monkeypatch.setenv("SHGAE_DEBUG", "1")

    def body(config: TrainConfig, execution: Execution) -> Outcome:
        raise ZeroDivisionError

    probe.body = body
    assert probe() == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: this is a bug: ZeroDivisionError")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_command_save_and_ends_with_its_code(probe, capsys, number, code) -> None:
    saved = []

    def body(config: TrainConfig, execution: Execution) -> Outcome:
        os.kill(os.getpid(), number)
        for _ in range(1000):  # the handler runs between two steps
            if execution.stop:
                saved.append(True)
            execution.stop.raise_if_set("runs/base", "the same command with --resume")
        raise AssertionError("the signal was lost")

    probe.body = body
    before = signal.getsignal(number)
    assert probe() == code
    assert saved
    assert "--resume" in capsys.readouterr().err
    assert signal.getsignal(number) == before


def test_an_interrupt_outside_of_a_loop_ends_quietly_with_130(probe, capsys) -> None:
    def body(config: TrainConfig, execution: Execution) -> Outcome:
        raise KeyboardInterrupt

    probe.body = body
    assert probe() == 130
    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_on_standard_output_and_nothing_else(probe, capsys) -> None:
    def body(config: TrainConfig, execution: Execution) -> Outcome:
        print("a library says hello")  # noqa: T201
        execution.progress.note("a note")
        return Outcome({"output": "x", "kind": "hourglass", "id": "ab" * 32, "pck": None}, ["a table"], "shgae next")

    probe.body = body
    assert probe("--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"output": "x", "kind": "hourglass", "id": "ab" * 32, "pck": None}
    assert out.count("\n") == 1
    assert err == "a library says hello\na note\n"


def test_people_read_tables_the_artefact_and_the_next_command(probe, capsys) -> None:
    result = {"output": "runs/base", "kind": "hourglass", "id": "0123456789abcdef" * 4}
    probe.outcome = Outcome(result, ["a table"], typed("info", "runs/my base"))
    assert probe() == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["a table", "hourglass 0123456789ab in runs/base", "next: shgae info 'runs/my base'"]
    assert err == ""


def test_a_failure_comes_after_the_result(probe, capsys) -> None:
    probe.outcome = Outcome({"missing": 1}, failure=Refused("lineage", "x", "not whole"))
    assert probe("--json") == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"missing": 1}
    assert err == "error: lineage in x: not whole.\n"


def test_quiet_leaves_the_result_alone(probe, capsys) -> None:
    def body(config: TrainConfig, execution: Execution) -> Outcome:
        execution.progress.start("work", 2, "steps")
        execution.progress.note("a note")
        return Outcome({}, ["a table"], "shgae next")

    probe.body = body
    assert probe("--quiet") == 0
    assert capsys.readouterr() == ("a table\n", "")


def test_a_number_that_json_does_not_know_is_a_bug_not_bad_json(probe, capsys) -> None:
    probe.outcome = Outcome({"loss": float("nan")})
    assert probe("--json") == 1
    assert capsys.readouterr().out == ""


def test_version_and_bare_call(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"shgae {__version__}\n"
    assert main([]) == 0
    assert "Method" in capsys.readouterr().out


def test_out_of_memory_names_an_option_that_the_command_has(monkeypatch, capsys) -> None:
    def full(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr("shgae.cli.config_file.read", full)
    assert main(["train", "x", "-o", "y", "--config", "z"]) == 2
    assert "a smaller --batch-size" in capsys.readouterr().err
    assert main(["report", "x", "-o", "y.html", "--config", "z"]) == 2
    assert "--batch-size" not in capsys.readouterr().err


def test_a_file_name_that_is_no_text_does_not_break_the_error(capsys, tmp_path: Path) -> None:
    assert main(["info", str(tmp_path) + "/caf\udce9\nx"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_command_cannot_have_two_options_of_one_name() -> None:
    with pytest.raises(TypeError, match="epochs"):

        @command("twice", example="shgae twice")
        def run(config: TrainConfig, epochs: int = 1) -> Outcome:
            """Twice."""
            return Outcome({})


def test_a_path_below_the_current_folder_is_shown_as_a_person_would_type_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert near(tmp_path / "runs" / "base") == Path("runs/base")
    assert near(tmp_path.parent) == tmp_path.parent


def test_a_proposed_output_lies_beside_the_last_one() -> None:
    assert beside(Path("runs/base"), "activations") == Path("runs/activations")
    assert beside(Path(), "activations") == Path("activations")


def test_a_proposed_output_is_a_place_where_nothing_lies(tmp_path: Path) -> None:
    (tmp_path / "activations").mkdir()
    assert beside(tmp_path / "base", "activations") == tmp_path / "activations-2"
    (tmp_path / "activations-2").symlink_to("nowhere")
    assert beside(tmp_path / "base", "activations") == tmp_path / "activations-3"
    (tmp_path / "report.html").touch()
    assert free(tmp_path / "report.html") == tmp_path / "report-2.html"
    assert free(tmp_path / "v1.5-figures") == tmp_path / "v1.5-figures"


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "shgae", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_full_disk_behind_standard_output_is_exit_5() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "shgae", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 5
    assert done.stderr.startswith("error: disk or I/O in")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_torch_is_asked_for_huge_pages_unless_the_user_says_otherwise(before, after, monkeypatch) -> None:
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", before or "")
    if before is None:
        monkeypatch.delenv("THP_MEM_ALLOC_ENABLE")
    assert main(["--version"]) == 0
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == after
