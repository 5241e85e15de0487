"""What texts of options with several values mean: ``none,full``, ``5,10,25``, ``2-10``.

Each parser raises :class:`ValueError` with what is wrong, so that a config refuses the text wherever it is made.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

NONE, RANDOM, PCA, FROZEN, FULL = "none", "random", "pca", "frozen", "full"
WIDE, DROPOUT, WEIGHT_DECAY = "wide", "dropout", "weight-decay"
NONE_AUGMENT, FULL_AUGMENT = "none+augment", "full+augment"
ARMS: Mapping[str, str] = {
    NONE: "no autoencoder",
    RANDOM: "random autoencoder",
    PCA: "linear autoencoder, from principal components",
    FROZEN: "pre-trained autoencoder, trunk frozen",
    FULL: "pre-trained autoencoder",
    WIDE: "pre-trained autoencoder, code as large as the bottleneck",
    DROPOUT: "no autoencoder, dropout in the bottleneck",
    WEIGHT_DECAY: "no autoencoder, weight decay",
    NONE_AUGMENT: "no autoencoder, augmentation",
    FULL_AUGMENT: "pre-trained autoencoder, augmentation",
}
"""What is fine-tuned in each arm of a study."""
ARMS_EXAMPLE = ",".join(arm for arm in ARMS if arm not in (NONE_AUGMENT, FULL_AUGMENT))
"""All that may be compared whatever the other options are."""
LETTERS: Mapping[str, str] = dict(zip((NONE, RANDOM, PCA, FROZEN, FULL), "abcde", strict=True))
"""The names that arms had, which options and folders may still use."""
BASELINE = "baseline"
"""The network that every arm starts from, scored next to the arms."""
LARGEST_CODE = 4096
PARTS = ("spectrum", "clusters", "traversals", "skips", "code-units")
"""Of a latent analysis."""
_FORMER_PARTS = {"walks": "traversals", "atlas": "code-units"}
_MOST_WORD = 40
_FEWEST_CLUSTERS, _MOST_CLUSTERS = 2, 50


def size_of(arm: str) -> int | None:
    """The code size of ``code-N``, a repetition of arm full; None of any other arm."""
    found = re.fullmatch(r"code-([1-9][0-9]{0,3})", arm)
    return int(found[1]) if found else None


def chosen_arms(text: str) -> tuple[str, ...]:
    """The arms of a text like ``none,full`` (or ``a,e``), at least one, each once, in the order of :data:`ARMS`."""
    of_letter = {letter: name for name, letter in LETTERS.items()}
    names = [of_letter.get(word, word) for word in _words(text) if word]
    unknown = [name for name in names if name not in ARMS]
    if not names:
        raise ValueError("no arm is named")
    if unknown:
        near = difflib.get_close_matches(unknown[0][:_MOST_WORD], ARMS, 1)
        raise ValueError(f"{unknown[0]!r:.40} is not an arm" + (f" (did you mean {near[0]}?)" if near else ""))
    return tuple(arm for arm in ARMS if arm in names)


def code_sizes(text: str) -> tuple[int, ...]:
    """The sizes, from 1 to 4096, of a text like ``5,10,25``, rising, each once; none of an empty one."""
    wanted = f"a whole number from 1 to {LARGEST_CODE}"
    sizes = {_number(word, wanted) for word in _words(text) if word}
    if wrong := [size for size in sizes if not 1 <= size <= LARGEST_CODE]:
        raise ValueError(f"'{wrong[0]}' is not {wanted}")
    return tuple(sorted(sizes))


def component_numbers(text: str) -> tuple[int, ...]:
    """Numbers of components of a text like ``1,10,100``, rising, each once; 0 is always among them."""
    return tuple(sorted({0, *(_number(word, "a whole number") for word in _words(text))}))


def cluster_range(text: str) -> range:
    """The numbers of clusters, from 2 to 50, of a text like ``2-10`` or ``5``."""
    ends = [int(word) if _is_number(word) else 0 for word in (part.strip() for part in text.split("-", 1))]
    if not _FEWEST_CLUSTERS <= ends[0] <= ends[-1] <= _MOST_CLUSTERS:
        raise ValueError(f"{text!r:.40} is not a range within {_FEWEST_CLUSTERS} to {_MOST_CLUSTERS}")
    return range(ends[0], ends[-1] + 1)


def wanted_parts(text: str) -> list[str]:
    """The parts of a text like ``spectrum,clusters``, or of ``all``."""
    wanted = list(PARTS) if text == "all" else [_FORMER_PARTS.get(word, word) for word in _words(text)]
    unknown = next((word for word in wanted if word not in PARTS), None)
    if unknown is not None:
        raise ValueError(f"{unknown!r:.40} is none of {', '.join(PARTS)}")
    return wanted


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _number(word: str, wanted: str) -> int:
    if not _is_number(word):
        raise ValueError(f"{word!r:.40} is not {wanted}")
    return int(word)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10
