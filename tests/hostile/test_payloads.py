"""A file that is a program: no command that takes files runs it."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pytest

from shgae.models import foreign
from shgae.recipes import Split
from shgae.stages.prepare import Source
from tests.builders.chain import Chain
from tests.hostile.conftest import Event, heard, run
from tests.hostile.payloads import PAYLOADS, SENTINEL, load_carelessly
from tests.promises import Kept

PROMISE = "A pickle that is a program is refused by every command that takes a file, and not run"
every_payload = pytest.mark.parametrize("name", PAYLOADS)
TORCHS = {"collections", "torch", "torch._utils", "torch.storage", "torch._tensor", "torch.serialization", "_codecs"}
"""Modules that the allow-list of torch names classes of."""

_IGNORED = pytest.mark.filterwarnings("ignore:pickle_load_args", "ignore:.*weights_only.*")
pytestmark = _IGNORED


def ran(events: list[Event]) -> list[Event]:
    """The events that only a program in a file would cause."""
    return [
        one for one in events if one[0] in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pty.spawn")
    ]


def classes(events: list[Event]) -> set[str]:
    """The modules that any unpickler of Python's took something from."""
    return {str(args[0]) for event, args in events if event == "pickle.find_class"}


def test_there_are_more_than_twenty() -> None:
    assert len(PAYLOADS) >= 20


HARMLESS = {"a whole module", "getattr of builtins", "numpy's own functions"}
"""They make something that a reader may not make, but touch no file."""


@every_payload
def test_a_careless_reader_would_run_it(here: Path, name: str) -> None:
    PAYLOADS[name](Path("x.pth"))
    with heard() as events, suppress(Exception):
        load_carelessly(Path("x.pth"))
    if name not in HARMLESS:
        assert Path(SENTINEL).exists()
    assert classes(events) or name in ("INST",)


@every_payload
def test_the_importers_reader_takes_nothing_from_it(here: Path, name: str, kept: Kept) -> None:
    PAYLOADS[name](Path("x.pth"))
    with heard() as events, pytest.raises(Exception) as refused:  # noqa: PT011
        foreign.find_network(foreign._load(io.BytesIO(Path("x.pth").read_bytes())))
    assert classes(events) <= TORCHS
    assert not ran(events)
    assert not Path(SENTINEL).exists()
    reason = foreign._reason(refused.value)
    assert len(reason) < 110
    assert reason.isprintable()
    kept(PROMISE, 1, "pickles")


COMMANDS = (
    *("prepare --train FILE photos -o x", "prepare --train people.json photos --val FILE photos -o x"),
    *("train FILE -o x", "extract FILE data -o x", "extract model FILE -o x", "pretrain-ae FILE -o x"),
    *("graft FILE model -o x", "graft model FILE -o x", "finetune model FILE -o x", "finetune FILE data -o x"),
    *("evaluate model FILE data", "evaluate FILE data", "evaluate model FILE", "predict FILE photos -o x"),
    *("predict model photos --boxes FILE -o x", "predict model FILE -o x", "export FILE -o x.onnx", "info FILE"),
    *("verify FILE", "analyze FILE -o x", "plot FILE -o x", "report FILE -o x.html", "splice FILE data"),
    *("splice model data --ae FILE", "rate model FILE data", "study FILE data -o x", "study model FILE -o x"),
    "import model/model.safetensors --joints FILE -o x",
)
"""Every place where a command takes a file or a folder."""
WITH_A_CONFIG = (
    "prepare",
    "train",
    "extract",
    "pretrain-ae",
    "finetune",
    "evaluate",
    "predict",
    "splice",
    "rate",
    "study",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_a_file_that_it_is_given(command: str, given: Path, kept: Kept) -> None:
    names = ("GLOBAL and REDUCE", "eval", "STACK_GLOBAL")
    for name, file in zip(names, ("x.pth", "x.json", "x.safetensors"), strict=True):
        PAYLOADS[name](Path(file))
        refuse(*command.replace("FILE", file).split())
    kept(PROMISE, len(names), "pickles")


@pytest.mark.parametrize("command", WITH_A_CONFIG)
def test_no_config_is_run(command: str, given: Path, kept: Kept) -> None:
    words = next(one for one in COMMANDS if one.startswith(f"{command} "))
    for name in ("os.system in protocol 0", "exec of compile"):
        PAYLOADS[name](Path("x.toml"))
        refuse(*words.replace("FILE", "data").split(), "--config", "x.toml")
    kept(PROMISE, 2, "pickles")


@pytest.mark.torture
@every_payload
def test_no_payload_is_run_wherever_it_is_given(name: str, given: Path, kept: Kept) -> None:
    PAYLOADS[name](Path("x.pth"))
    for command in COMMANDS:
        if not command.startswith("import "):
            refuse(*command.replace("FILE", "x.pth").split())
    kept(PROMISE, len(COMMANDS) - 1, "pickles")


@pytest.mark.torture
@every_payload
def test_import_takes_nothing_from_any_payload_in_its_own_process(
    name: str, given: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept
) -> None:
    check_import(name, monkeypatch)
    kept(PROMISE, 1, "pickles")


def test_import_takes_nothing_from_a_payload_in_its_own_process(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_import("os.system in protocol 2", monkeypatch)


def check_import(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The importer's child imports a listener of ours first, which writes down what an audit of Python hears."""
    Path("listener").mkdir()
    Path("listener/sitecustomize.py").write_text(_LISTENER)
    monkeypatch.syspath_prepend(Path("listener").resolve())
    PAYLOADS[name](Path("x.pth"))
    refuse("import", "x.pth", "-o", "x")
    if name == "the oldest format, a tar":  # told by its first bytes, so no child opens it
        assert not Path("listener/heard").exists()
        return
    heard_there = Path("listener/heard").read_text().split("\n")
    assert heard_there[0] == "listening"
    assert {line.partition(" ")[2] for line in heard_there[1:] if line.startswith("pickle.find_class")} <= TORCHS
    # Before it looks at its own size, and then reads, it imports torch, whose CUDA builds ask ldconfig for libraries.
    of_the_file = heard_there[heard_there.index("begins") + 1 :]
    assert not [line for line in of_the_file if line.startswith(("os.system", "subprocess.Popen", "os.exec"))]


_LISTENER = """
import pathlib, sys
file = open(pathlib.Path(__file__).with_name("heard"), "w", buffering=1)
file.write("listening\\n")
def hook(event, arguments):
    if event.startswith(("pickle.", "os.system", "subprocess.", "os.exec")):
        file.write(f"{event} {arguments[0]}\\n")
    elif event == "open" and str(arguments[0]) == "/proc/self/statm":
        file.write("begins\\n")
sys.addaudithook(hook)
"""


def refuse(*words: str) -> None:
    """The command is refused and runs nothing."""
    with heard() as events:
        end = run(*words).check()
    assert end.code == 2, (words, end.out)
    assert not Path(SENTINEL).exists(), words
    assert not classes(events)
    allowed = [one for one in ran(events) if words[0] == "import" and one[0] == "subprocess.Popen"]
    assert ran(events) == allowed, words


@pytest.fixture
def given(here: Path, chain: Chain, drawn: dict[Split, Source]) -> Path:
    """A folder with prepared data, a model, photos and their JSON."""
    for name, target in (("data", chain.data), ("model", chain.baseline), ("photos", drawn["train"].photos)):
        (here / name).symlink_to(target)
    (here / "people.json").symlink_to(drawn["train"].annotations)
    return here
