"""Pickles that run a program when a careless reader loads them. They are made here, in the tests, and nowhere else."""

from __future__ import annotations

import builtins
import io
import os
import pickle  # noqa: TID251
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SENTINEL = "ran"
"""The file that a payload makes in the current folder."""
_TOUCH = f"touch {SENTINEL}"
_WRITE = f"open({SENTINEL!r}, 'w').close()"


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


class State:
    """Pickled as a module of torch whose state is a call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), Calls(os.system, _TOUCH)


def _by_protocol(protocol: int) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(pickle.dumps({"state_dict": Calls(os.system, _TOUCH)}, protocol))  # type: ignore[return-value]


def _saved(value: Any, **options: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(value, path, **options)


def _raw(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data)  # type: ignore[return-value]


def _zip(path: Path, data: bytes, version: bytes = b"3\n") -> None:
    """A checkpoint of the new format around a pickle of one's own."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", data)
        archive.writestr("x/byteorder", b"little")
        archive.writestr("x/version", version)
        archive.writestr("x/data/0", bytes(16))


def _tar(path: Path) -> None:
    """A checkpoint of the oldest format."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = pickle.dumps(Calls(os.system, _TOUCH), 2)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def _nested_storage(path: Path) -> None:
    """A tensor whose storage's persistent id holds a call."""

    marked = object()

    class Pickler(pickle.Pickler):
        def persistent_id(self, one: Any) -> Any:
            return ("storage", Calls(os.system, _TOUCH), "0", "cpu", 4) if one is marked else None

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"w": marked})
    _zip(path, stream.getvalue())


def _legacy_header(path: Path) -> None:
    """The old format, with a call where its system information stands."""
    parts = (torch.serialization.MAGIC_NUMBER, 1001, Calls(os.system, _TOUCH), {"w": 1}, [])
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))


def _stack_global() -> bytes:
    """``os.system`` named by two texts on the stack: STACK_GLOBAL of protocol 4."""
    text = b"\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(_TOUCH)]) + _TOUCH.encode() + b"\x85R."
    return b"\x80\x04\x95" + struct.pack("<Q", len(text)) + text


GETATTR = b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(S'os'\ntRS'system'\ntR(S'" + _TOUCH.encode() + b"'\ntR."
"""getattr(__import__("os"), "system")("touch ran"), in protocol 0."""

PAYLOADS: dict[str, Callable[[Path], None]] = {
    **{f"os.system in protocol {protocol}": _by_protocol(protocol) for protocol in range(6)},
    "eval": _saved({"state_dict": Calls(eval, _WRITE)}),
    "exec": _saved({"state_dict": Calls(exec, _WRITE)}),
    "exec of compile": _saved({"state_dict": Calls(exec, Calls(compile, _WRITE, "x", "exec"))}),
    "a chain of getattr": _raw(GETATTR),
    "a chain of getattr in a zip": lambda path: _zip(path, GETATTR),
    "getattr of builtins": _saved({"w": Calls(getattr, Calls(__import__, "os"), "system")}),
    "open for writing": _saved({"w": Calls(builtins.open, SENTINEL, "w")}),
    "the oldest format, a tar": _tar,
    "the old format": _saved({"state_dict": Calls(os.system, _TOUCH)}, _use_new_zipfile_serialization=False),
    "the old format's system information": _legacy_header,
    "a zip with a pickle of one's own": lambda path: _zip(path, pickle.dumps(Calls(os.system, _TOUCH), 2)),
    "a call inside a storage": _nested_storage,
    "GLOBAL and REDUCE": _raw(b"cposix\nsystem\n(S'" + _TOUCH.encode() + b"'\ntR."),
    "INST": _raw(b"(S'" + _TOUCH.encode() + b"'\niposix\nsystem\n."),
    "OBJ": _raw(b"(cposix\nsystem\nS'" + _TOUCH.encode() + b"'\no."),
    "STACK_GLOBAL": _raw(_stack_global()),
    "BUILD with a call as its state": _saved({"w": State()}),
    "a call as a key": _saved({Calls(os.system, _TOUCH): torch.zeros(1)}),
    "a call behind a true state dict": _saved({"state_dict": {"w": torch.zeros(2)}, "x": [Calls(os.system, _TOUCH)]}),
    "a whole module": _saved(torch.nn.Linear(2, 2)),
    "numpy's own functions": _saved({"w": Calls(__import__("numpy").fromfile, "/etc/hostname")}),
}


def load_carelessly(path: Path) -> None:
    """What shgae never does."""
    try:
        torch.load(path, weights_only=False)
    except Exception:
        with path.open("rb") as file:
            pickle.load(file)  # noqa: S301
