"""Checkpoints as trainings leave them: the network in any wrapper, harmless objects beside it, and nothing run."""

from __future__ import annotations

import argparse
import datetime
import enum
import importlib
import io
import pathlib
import random
import re
import sys
import time
import types
import uuid
import zipfile
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS
from shgae.models.foreign import read_foreign
from shgae.models.foreign_objects import is_harmless
from shgae.models.foreign_tensors import AmbiguousNetwork
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, state_arrays

pytestmark = [
    pytest.mark.filterwarnings("ignore:pickle_load_args only works"),
    pytest.mark.usefixtures("reads_here"),
]

CODE = AutoencoderSpec(width=8, code_size=5, output="relu")
AUTOENCODER = CHECKPOINT_FORMATS[1]


def network(seed: int = 4) -> dict[str, torch.Tensor]:
    weights = state_arrays(build_autoencoder(CODE, seed=seed))
    return {AUTOENCODER.name(name): torch.tensor(array) for name, array in weights.items()}


def read(value: Any, folder: Path, *, is_old: bool = False) -> tuple[dict[str, torch.Tensor], str]:
    """What the importer's child makes of a checkpoint."""
    torch.save(value, folder / "x.pth", _use_new_zipfile_serialization=not is_old)
    tensors, note = foreign.find_network(foreign._load((folder / "x.pth").open("rb")))
    return foreign.as_weights(tensors), note


def is_network(found: dict[str, torch.Tensor], seed: int = 4) -> bool:
    wanted = network(seed)
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


class Phase(enum.Enum):
    TRAIN = "train"


class Level(enum.IntEnum):
    HIGH = 3


class Config(dict[str, Any]):
    """A dict of somebody's own."""


class Settings:
    def __init__(self) -> None:
        self.lr = 0.1


HARMLESS: dict[str, Callable[[], Any]] = {
    "numpy array": lambda: np.arange(6.0).reshape(2, 3),
    "numpy text": lambda: np.array(["a", "b"]),
    "numpy state": np.random.get_state,
    "numpy number": lambda: np.float64(0.5),
    "defaultdict": lambda: defaultdict(list, {"loss": [0.5, 0.25]}),
    "defaultdict of int": lambda: defaultdict(int, {"steps": 3}),
    "OrderedDict": lambda: OrderedDict(a=1),
    "deque": lambda: deque([1, 2], maxlen=5),
    "path": lambda: pathlib.PurePosixPath("runs/1"),
    "path here": lambda: pathlib.Path("runs"),
    "windows path": lambda: pathlib.PureWindowsPath("runs\\1"),
    "datetime": lambda: datetime.datetime(2020, 1, 2, 3),
    "date": lambda: datetime.date(2020, 1, 2),
    "timedelta": lambda: datetime.timedelta(seconds=5),
    "time with zone": lambda: datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),  # noqa: UP017
    "Namespace": lambda: argparse.Namespace(lr=0.1, arch="hg"),
    "SimpleNamespace": lambda: types.SimpleNamespace(lr=0.1),
    "Enum": lambda: Phase.TRAIN,
    "IntEnum": lambda: Level.HIGH,
    "Decimal": lambda: Decimal("0.5"),
    "Fraction": lambda: Fraction(1, 3),
    "UUID": lambda: uuid.UUID(int=5),
    "own dict": lambda: Config(lr=0.1),
    "own object": Settings,
    "type of anything": lambda: {"ref_type": Any},
    "version of torch": lambda: torch.__version__,
    "set": lambda: {1, 2},
    "optimizer": lambda: torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1),
    "schedule": lambda: torch.optim.lr_scheduler.StepLR(torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]), 3),
    "random generator": np.random.default_rng,
    "random state": np.random.RandomState,
    "regular expression": lambda: re.compile("a"),
    "masked array": lambda: np.ma.array([1.0], mask=[True]),
    "matrix": lambda: np.matrix([[1.0]]),
    "ellipsis": lambda: ...,
    "complex": lambda: 1 + 2j,
    "bytes": lambda: b"x",
    "torch's generator": lambda: torch.Generator().manual_seed(1),
    "python's generator": lambda: random.Random(1),
    "numpy records": lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "numpy record": lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0],
    "numpy characters": lambda: np.char.array(["a"]),
    "time of day": lambda: time.localtime(0),
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("is_old", [False, True], ids=["zip", "legacy"])
def test_harmless_objects_beside_the_weights_do_not_stop_it(tmp_path: Path, name: str, is_old: bool) -> None:
    content = {"epoch": 3, "beside": HARMLESS[name](), "state_dict": network()}
    before = set(torch.serialization.get_safe_globals())
    found, note = read(content, tmp_path, is_old=is_old)
    assert is_network(found)
    assert note == ""
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"state_dict": net, "epoch": 3}, lambda net: [net]])
@pytest.mark.parametrize("is_old", [False, True], ids=["zip", "legacy"])
def test_weights_that_are_arrays_are_told_as_such(tmp_path: Path, wrap: Callable[[Any], Any], is_old: bool) -> None:
    arrays = {name: tensor.numpy() for name, tensor in network().items()}
    with pytest.raises(AmbiguousNetwork, match="arrays of numpy in place of tensors") as caught:
        read(wrap(arrays), tmp_path, is_old=is_old)
    assert "torch.from_numpy" in caught.value.fix


def test_of_two_networks_the_one_that_is_meant_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousNetwork, match=r"2 networks \(student, teacher\)") as caught:
        read({"teacher": network(), "student": network(5)}, tmp_path)
    assert caught.value.fix == "a file that torch.save made of the one that is meant"


@pytest.mark.parametrize("make", [torch.nn.MSELoss, torch.nn.ReLU, lambda: torch.nn.ReLU])
def test_a_loss_or_activation_in_a_zip_does_not_stop_it(tmp_path: Path, make: Callable[[], Any]) -> None:
    """In torch's format of before 1.6 their source code goes with them, and torch itself refuses that."""
    assert is_network(read({"beside": make(), "state_dict": network()}, tmp_path)[0])


def test_nothing_of_a_class_is_imported_or_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text(
        "import enum, pathlib\npathlib.Path('ran').touch()\nclass Phase(enum.Enum):\n    A = 1\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # it stays within reach of an import
    torch.save({"phase": importlib.import_module("theirs").Phase.A, "w": torch.ones(2)}, "x.pth")
    del sys.modules["theirs"]
    (tmp_path / "ran").unlink()
    loaded = foreign._load((tmp_path / "x.pth").open("rb"))
    assert isinstance(loaded, dict)
    assert type(loaded["phase"]).__module__ == "theirs"
    assert vars(loaded["phase"]) == {}
    assert "theirs" not in sys.modules
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "path",
    ["posix.system", "os.System", "eval", "getattr", "Exec", "numpy.fromfile", "numpy.Foo", "torch.hub.load", "torch.X"]
    + ["subprocess.Popen", "pickle.Unpickler", "importlib.import_module", "pip.main", "__main__.run", "nt.system"]
    + [
        "io.FileIO",
        "torch.nn.modules.linear.Linear",
        "torch.optim.sgd.sgd",
        "numpy.random.seed",
        "collections.namedtuple",
        "functools.partial",
        "commands.getoutput",
    ],
)
def test_what_could_do_something_is_refused(path: str) -> None:
    assert not is_harmless(path)


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


def nested(inner: Any, keys: list[str | int]) -> Any:
    """A value inside wrappers: a text is a key, a number a place in a list."""
    for key in reversed(keys):
        inner = {key: inner, "epoch": 1} if isinstance(key, str) else [0.5] * key + [inner]
    return inner


KEYS = st.sampled_from(
    ["network", "model_state", "netG", "generator", "student", "ema", "hourglass", "state_dict", "model", "a.b", 0, 2]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(KEYS, max_size=4), st.sampled_from(["", "module.", "model.", "net.backbone.", "module.module."]))
def test_a_network_is_found_in_any_nesting(tmp_path: Path, keys: list[str | int], prefix: str) -> None:
    state = {f"{prefix}{name}": value for name, value in network().items()}
    found, _ = read(nested(state, keys), tmp_path)
    assert is_network(found)


def test_what_lies_beside_the_network_is_named(tmp_path: Path) -> None:
    state = {f"model.{name}": value for name, value in network().items()}
    found, note = read({"state_dict": {**state, "loss.weight": torch.tensor(float("nan"))}}, tmp_path)
    assert is_network(found)
    assert "not taken: state_dict.loss.weight" in note
    assert "network" in read({"network": network()}, tmp_path)[1]


def test_the_likelier_of_two_networks_is_taken_and_two_equals_are_refused(tmp_path: Path) -> None:
    found, note = read({"ema": network(5), "state_dict": network()}, tmp_path)
    assert is_network(found)
    assert "not taken: ema." in note
    torch.save({"teacher": network(5), "student": network()}, tmp_path / "x.pth")
    with pytest.raises(Refused, match=r"2 networks \((teacher, student|student, teacher)\)"):
        read_foreign(tmp_path / "x.pth")


def test_what_was_found_in_place_of_tensors_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "arch": "hg", "args": argparse.Namespace(lr=1)}, tmp_path / "x.pth")
    with pytest.raises(Refused, match="but epoch, arch, args"):
        read_foreign(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\4\0\0\0\1\0\0\0\3\0\0\0V 1\x0c\0\0\0nn.gModule", "a Torch7 file of Lua"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS.* Try: git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (zipped("best/model.pth.tar", b"x"), "a ZIP with a checkpoint in it.* Try: unzip it"),
        (b"model.pth".ljust(257, b"\0") + b"ustar\x0000", "a tar archive"),
        (b"\x08\x08\x12\x07pytorch\x1a\x05", "an ONNX graph"),
    ],
)
def test_what_people_take_for_a_checkpoint_is_called_by_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.t7").write_bytes(content)
    with pytest.raises(Refused, match=words):
        read_foreign(tmp_path / "x.t7")


@pytest.mark.parametrize("name", ["x.pth", "model.pth.tar", "data.pt", "a.ckpt.bin"])
def test_a_checkpoint_of_any_name_is_no_zip_around_one(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": network()}, tmp_path / name)
    assert read_foreign(tmp_path / name).spec


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_program_is_called_so(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "x.pt")
    with pytest.raises(Refused, match="TorchScript"):
        read_foreign(tmp_path / "x.pt")
