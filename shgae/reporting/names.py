"""What folders are called where several of one name stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def shortest_ends(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of absolute paths that tell them apart: ``baseline``, or ``seed-0/arm-e/finetuned``; equal
    paths stay equal."""
    parts = [path.parts[1:] or ("(root)",) for path in paths]
    names = []
    for mine in parts:
        others = [one for one in parts if one != mine]
        depth = 1
        while depth < len(mine) and any(other[-depth:] == mine[-depth:] for other in others):
            depth += 1
        names.append("/".join(mine[-depth:]))
    return names
