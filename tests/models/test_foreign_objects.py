"""Objects of a training next to the weights, or around them: inert, and no reason to refuse the weights."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import http
import logging
import types
import typing
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.foreign_objects import FOUND, is_harmless, stand_in
from shgae.models.foreign_tensors import AmbiguousNetwork
from tests.builders.checkpoints import is_network, network, read

pytestmark = pytest.mark.filterwarnings("ignore:pickle_load_args only works")


class Ordered(collections.OrderedDict[str, Any]):
    pass


class Defaults(collections.defaultdict[str, Any]):
    pass


class Names(list[Any]):
    pass


class Slots:
    __slots__ = ("lr",)

    def __init__(self) -> None:
        self.lr = 0.1


class Box(dict[str, Any]):
    __slots__ = ("lr",)

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.lr = 0.1


class lower:  # noqa: N801
    pass


class _Private:
    pass


class Counted:
    """Its state is not a mapping of attributes."""

    def __getstate__(self) -> Any:
        return [1, 2, 3]

    def __setstate__(self, state: Any) -> None: ...


class History:
    """As MMEngine's HistoryBuffer: its state names its own functions."""

    def __init__(self) -> None:
        self.functions = {"least": History.least}
        self.values = np.ones(3)

    def least(self) -> float:
        return float(self.values.min())


class Outer:
    class Inner:
        pass

    class Phase(enum.Enum):
        TRAIN = "train"


class Pair(NamedTuple):
    state_dict: Any
    epoch: int = 3


@dataclasses.dataclass
class Trained:
    state_dict: Any
    epoch: int = 3


class Trainer:
    def __init__(self, model: Any) -> None:
        self.model = model


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)


def helper() -> None:
    """A function that a config names."""


BESIDE: dict[str, Callable[[], Any]] = {
    "subclass of OrderedDict": lambda: Ordered(a=1),
    "subclass of defaultdict": lambda: Defaults(list, {"a": [1]}),
    "subclass of list": lambda: Names([1, Names([2])]),
    "slots": Slots,
    "dict with slots": lambda: Box({"a": 1}),
    "lower-case class": lower,
    "private class": _Private,
    "state that is a list": Counted,
    "history of MMEngine": History,
    "nested class": Outer.Inner,
    "nested class itself": lambda: Outer.Inner,
    "nested Enum": lambda: {Outer.Phase.TRAIN: 1},
    "partial": lambda: functools.partial(helper, 3),
    "function": lambda: helper,
    "Optional": lambda: typing.Optional[int],  # noqa: UP045
    "Union": lambda: typing.Union[int, str],  # noqa: UP007
    "list[int]": lambda: list[int],
    "UserList": lambda: collections.UserList([1]),
    "ChainMap": lambda: collections.ChainMap({"a": 1}),
    "type of None": lambda: type(None),
    "logger": lambda: logging.getLogger("x"),
    "status": lambda: http.HTTPStatus.OK,
    "numpy's float32": lambda: np.float32,
    "numpy's dtype class": lambda: type(np.dtype("f4")),
    "function of numpy": lambda: np.add,
    "GradScaler": lambda: torch.amp.GradScaler("cpu"),
    "dataset": lambda: torch.utils.data.TensorDataset(torch.ones(3)),
    "sampler": lambda: torch.utils.data.RandomSampler([1, 2]),
    "function of torch": lambda: torch.nn.functional.relu,
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("is_old", [False, True], ids=["zip", "legacy"])
def test_what_a_training_keeps_beside_the_weights_does_not_stop_it(tmp_path: Path, name: str, is_old: bool) -> None:
    found, note = read({"beside": BESIDE[name](), "state_dict": network()}, tmp_path, is_old=is_old)
    assert is_network(found) and note == ""


@pytest.mark.parametrize("wrap", [Ordered, Box, lambda state: Defaults(None, state)])
@pytest.mark.parametrize("key", ["state_dict", None])
def test_weights_in_a_subclass_of_dict_are_read(tmp_path: Path, wrap: Callable[[Any], Any], key: str | None) -> None:
    held = wrap(network())
    assert is_network(read({key: held} if key else held, tmp_path)[0])


@pytest.mark.parametrize("wrap", [Pair, Trained, Trainer, lambda state: {"run": Trained(state)}])
def test_weights_in_an_object_are_read_where_there_are_no_others(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    assert is_network(read(wrap(network()), tmp_path)[0])
    found, note = read({"weights": network(), "run": wrap(network(5))}, tmp_path)
    assert is_network(found) and "not taken: run." in note


@pytest.mark.parametrize("module", [torch.nn.Linear(2, 2), Net()])
@pytest.mark.parametrize("wrap", [lambda module: module, lambda module: {"model": module, "epoch": 3}])
def test_a_whole_module_is_not_taken_for_weights(tmp_path: Path, module: Any, wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(AmbiguousNetwork, match=r"a whole module \((torch.nn.modules.linear.Linear|.*Net)\)"):
        read(wrap(module), tmp_path)
    assert is_network(read({"state_dict": network(), "loss": module}, tmp_path)[0])
    torch.save(wrap(module), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    code, answer = foreign._answer((tmp_path / "old.pth").open("rb"), "")
    assert code and answer.startswith(b"a whole module lies in it")


def test_an_object_without_tensors_is_named(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousNetwork, match=r"no tensor, but an object of .*test_foreign_objects\.Slots"):
        read(Slots(), tmp_path)


def test_a_list_with_attributes_of_its_own_is_told(tmp_path: Path) -> None:
    names = Names([1])
    names.lr = 0.1  # type: ignore[attr-defined]
    torch.save({"names": names, "state_dict": network()}, tmp_path / "x.pth")
    code, answer = foreign._answer((tmp_path / "x.pth").open("rb"), "")
    assert code and answer.startswith(b"an object in it is filled in a way that only its own class knows")


@pytest.mark.parametrize("path", ["getattr", "functools.partial", "mine.run", "__main__.run", "typing.Optional"])
def test_what_is_inert_may_be_named(path: str) -> None:
    assert is_harmless(path)


def test_getattr_looks_nothing_up_and_what_it_makes_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = b"c__builtin__\ngetattr\nctheirs\nRun\nX\x06\0\0\0system\x86R"
    parts = {"data.pkl": b"\x80\2" + found + b"X\x09\0\0\0touch ran\x85R.", "byteorder": b"little", "version": b"3"}
    with zipfile.ZipFile("x.pth", "w") as archive:
        for name, content in parts.items():
            archive.writestr(f"x/{name}", content)
    with Path("x.pth").open("rb") as file:
        loaded = foreign._load(file)
    assert type(loaded).__module__ == "an object's" and vars(loaded) == {}
    assert not Path("ran").exists()


class Stated:
    """Its state is whatever it is given."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __getstate__(self) -> Any:
        return self.state

    def __setstate__(self, state: Any) -> None: ...


@pytest.mark.parametrize("state", [(network(4), network(5)), [network(4), network(5)]], ids=["pair", "list"])
def test_two_networks_in_the_state_of_an_object_stay_apart(tmp_path: Path, state: Any) -> None:
    for held in (Stated(state), {"model": Stated(state)}):
        with pytest.raises(AmbiguousNetwork, match="2 networks"):
            read(held, tmp_path)


def test_a_state_of_pairs_is_not_merged(tmp_path: Path) -> None:
    pairs = [*network(4).items(), *network(5).items()]
    torch.save(Stated(pairs), tmp_path / "x.pth")
    with pytest.raises(Refused, match="of no known family"):
        foreign.read_foreign(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "state", [network(), (network(), None), (None, network()), (network(), {"epoch": 3}), [network()]]
)
def test_a_network_in_the_state_of_an_object_is_read(tmp_path: Path, state: Any) -> None:
    assert is_network(read(Stated(state), tmp_path)[0])


def test_an_attribute_called_as_one_of_the_stand_ins_own_is_kept(tmp_path: Path) -> None:
    state = {"__setstate__": network()}
    assert is_network(read(Stated(state), tmp_path)[0])


@pytest.mark.parametrize("beside", [{"loss": torch.tensor(0.3)}, {"optimizer": {"state": {0: torch.ones(3)}}}])
def test_a_network_in_an_object_is_read_next_to_tensors_of_no_network(tmp_path: Path, beside: dict[str, Any]) -> None:
    assert is_network(read({"trainer": Trainer(network()), **beside}, tmp_path)[0])


def test_a_network_in_an_object_that_is_not_taken_is_told(tmp_path: Path) -> None:
    torch.save({"trainer": Trainer(network(5)), "ema": network()}, tmp_path / "x.pth")
    found = foreign.find_network(foreign._load((tmp_path / "x.pth").open("rb")))
    assert is_network(found.tensors)
    assert found.chosen == "ema" and "not taken: trainer.model." in found.note


class Called:
    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return Called, (self.state,)


class Loss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squared = torch.nn.MSELoss()


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))


UNREAD = {"module": Net(), "layer": torch.nn.Linear(2, 2), "parameter": Scaled(), "arrays": {}}
UNREAD["arrays"] = {name: tensor.numpy() for name, tensor in network(5).items()}


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.parametrize("key", ["weights", "teacher", "ema"])
def test_no_other_network_is_taken_where_the_likelier_one_cannot_be_read(tmp_path: Path, kind: str, key: str) -> None:
    what = "arrays of numpy" if kind == "arrays" else "a whole module"
    with pytest.raises(AmbiguousNetwork, match=rf"{what} \(model\), which cannot be read, next to the network {key}"):
        read({"epoch": 3, "model": UNREAD[kind], key: network()}, tmp_path)


def test_next_to_a_whole_module_a_network_of_its_attributes_is_not_taken(tmp_path: Path) -> None:
    module = Net()
    module.teacher = network()  # type: ignore[assignment]
    with pytest.raises(AmbiguousNetwork, match=r"a whole module \(top level\)"):
        read(module, tmp_path)


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"state_dict": net}])
def test_a_less_likely_network_that_cannot_be_read_is_told(
    tmp_path: Path, kind: str, wrap: Callable[[Any], Any]
) -> None:
    found, note = read({**wrap(network()), "criterion": UNREAD[kind]}, tmp_path)
    assert is_network(found) and note.endswith("; not read: criterion")


@pytest.mark.parametrize("loss", [torch.nn.MSELoss(), torch.nn.ReLU(), Loss()])
def test_a_loss_without_weights_next_to_a_network_of_any_name_is_passed_over(tmp_path: Path, loss: Any) -> None:
    found, note = read({"hourglass": network(), "criterion": loss, "history": np.ones(3)}, tmp_path)
    assert is_network(found) and "not read" not in note


@pytest.mark.parametrize("name", ["odd", "__new__", "__module__", "__bases__"])
def test_no_file_changes_a_class_of_ours(name: str) -> None:
    for changed in (FOUND, stand_in("theirs.Run")):
        with pytest.raises(AttributeError):
            torch._utils._set_obj_state(changed, {name: print})  # type: ignore[no-untyped-call]
        assert vars(changed).get(name) is not print


@pytest.mark.parametrize("wrap", [Called, collections.UserDict, lambda state: types.SimpleNamespace(net=state)])
def test_no_other_network_is_taken_where_the_likelier_one_is_in_an_object_of_unknown_content(
    tmp_path: Path, wrap: Callable[[Any], Any]
) -> None:
    with pytest.raises(
        AmbiguousNetwork, match=r"an object \(model\..*\), which cannot be read, next to the network ema"
    ):
        read({"model": wrap(network(5)), "ema": network()}, tmp_path)
    found, note = read({"model": network(), "ema": wrap(network(5))}, tmp_path)
    assert is_network(found) and "; not read: ema." in note
