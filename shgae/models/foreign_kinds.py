"""What a file is that is not a checkpoint of plain tensors: told by how it begins, or by how reading it ended."""

from __future__ import annotations

import re
from pathlib import Path

from shgae.artifacts.file_kinds import FAILED_AS_JSON, NOT_FETCHED, WEB_PAGE, Kind, kind_of
from shgae.errors import shortened
from shgae.models.foreign_objects import asked_for, unpickler_of
from shgae.models.foreign_tensors import STATE_DICT, Fault

BEGINNING = 512
"""Bytes of a file that tell what it is."""
_OTHER_NETWORK = "a PyTorch version of this network"
_UNPACKED = "the file that comes out of it, unpacked"
_COMPRESSED = (
    rb"\x1f\x8b",
    b"BZh",
    rb"\xfd7zXZ",
    rb"\x28\xb5\x2f\xfd",
    rb"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\4\x22M\x18",
)
_OTHER_KINDS: dict[bytes, Kind] = {
    rb"\x04\0\0\0.{8}V \d|4\n\d+\n\d+\nV \d": ("a Torch7 file of Lua, which PyTorch does not read", _OTHER_NETWORK),
    rb"\x89HDF": ("an HDF5 file, as Keras writes it", _OTHER_NETWORK),
    rb"\Z": ("an empty file", "copy or download it again"),
    b"|".join(_COMPRESSED): ("compressed", _UNPACKED),
    rb"\x93NUMPY|PK\x03\x04.{26}[^/\0]*\.npy": ("a file of numpy's arrays", STATE_DICT),
    rb"PK\x03\x04.{26}(?![^\0]*data\.pkl)[^\0]*\.(?i:pth|pt|tar|ckpt|bin|safetensors)(?![/\w])": (
        *("a ZIP with a checkpoint in it", "unzip it"),
    ),
    rb".{257}ustar": ("a tar archive", _UNPACKED),
    rb"\x08[\x01-\x40]\x12.{1,2}((py)?torch|keras|tf2onnx|onnx)": ("an ONNX graph", _OTHER_NETWORK),
    b"GGUF": ("a GGUF file", _OTHER_NETWORK),
    b"MATLAB": ("a file of MATLAB", _OTHER_NETWORK),
    rb"\s*<\?xml[^>]*>\s*<net\b": ("a graph of OpenVINO", _OTHER_NETWORK),
    **NOT_FETCHED,
    **FAILED_AS_JSON,
    rb"\s*<\?xml|\s*(?i:(404|not found|access denied)\b)": WEB_PAGE,
}
"""How files begin that are taken for checkpoints: what they are, and what to do."""
_SHARD = re.compile(
    r"(?P<name>.*)(-\d+-of-0*(?P<count>[2-9]|[1-9]\d+)\.|\.(?=\w+\.index\.json$))(?P<ending>safetensors|bin)(\.index\.json)?$"
)
"""The name of a part of a checkpoint of Hugging Face, or of the list of its parts."""
_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
"""How a file of torch before 1.6 begins, a few bytes in."""
TOO_LARGE: Kind = ("it needs more memory than a checkpoint may", STATE_DICT)
"""The reason and the fix for a file that the memory of its reader does not suffice for."""
_ENDINGS: dict[str, Kind] = {
    "MemoryError|allocate memory": TOO_LARGE,
    "TorchScript": ("it is a TorchScript program; nothing of it was run", STATE_DICT),
    "central directory|not a ZIP archive|unexpected EOF|^EOFError": ("it is cut off", "copy or download it again"),
    "archive is corrupted": ("it is damaged", "copy or download it again"),
    "not in a subdirectory|hasRecord|locating file": (
        *("it is a ZIP that torch.save did not make, or not to its end", "the checkpoint in it, unzipped"),
    ),
    "persistent_load of storage": ("a whole module lies in it, in the format of torch before 1.6", STATE_DICT),
    "Can only": ("an object in it is filled in a way that only its own class knows", STATE_DICT),
}
"""What errors of reading mean, by a regular expression of their text."""


def other_kind(start: bytes, path: Path) -> Kind | None:
    """What a file is instead of a checkpoint, by its first bytes and its name, and what to do."""
    shard = _SHARD.match(path.name)
    if not shard:
        return kind_of(start, _OTHER_KINDS)
    name, ending = shard["name"], shard["ending"]
    load = "safetensors.torch.load_file(f)" if ending == "safetensors" else "torch.load(f, weights_only=True)"
    joined = f"{{k: t for f in glob.glob({f'{name}-*-of-*.{ending}'!r}) for k, t in {load}.items()}}"
    why = f"one of {shard['count']} shards" if shard["count"] else "the index of shards"
    return why, f"join them in Python: torch.save({joined}, 'all.pth')"


def reason(error: Exception, start: bytes = b"") -> Kind:
    """Why a file is refused, by what reading it raised and how it begins, and what to do."""
    text, asked, reader = f"{type(error).__name__}: {error}", asked_for(error), unpickler_of(error)
    if isinstance(error, Fault):
        return str(error), error.fix
    is_plain = start.startswith(b"\x80") and _MAGIC not in start[:64]
    if asked == "torch.storage._load_from_bytes" or (is_plain and "Unsupported operand" in text):
        return "Python's pickle wrote it, and not torch.save", STATE_DICT
    if asked:
        return f"it asks to make or run {shortened(asked)}, which is not a tensor; nothing of it was run", STATE_DICT
    if "Unsupported operand" in text and reader is not None and reader.proto > 2:
        return f"it was saved with pickle_protocol={reader.proto}", "save it again without pickle_protocol"
    generic = ("it is not a checkpoint of tensors, or a torn one", STATE_DICT)
    return next((kind for words, kind in _ENDINGS.items() if re.search(words, text)), generic)
