"""A manifest with one of everything, and the way to every value in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shgae.artifacts.manifest import FileEntry, Manifest, Parent

GRANDPARENT = Parent("data", "data", "1" * 64, "../../data")
PARENT = Parent("model", "hourglass", "2" * 64, "../base", (GRANDPARENT,))
MANIFEST = Manifest(
    kind="activations",
    config={"dtype": "fp32", "limit": None, "deep": {"b": [1, 2.5], "a": True}},
    facts={"splits": {"train": 3}, "mean": [0.1 + 0.2, -1e-9]},
    files={
        "train/x.safetensors": FileEntry("a" * 64, 120),
        "y.json": FileEntry("b" * 64, 7),
        "history.jsonl": FileEntry("c" * 64, 30, volatile=True),
    },
    parents=(PARENT,),
    provenance={"versions": {"numpy": "2"}, "created": "2026-01-01T00:00:00+00:00", "command": ["shgae", "extract"]},
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a JSON value."""
    yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*at, key))
