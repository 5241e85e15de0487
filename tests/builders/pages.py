"""The README and the pages of docs/, taken apart: code, tables, links and anchors.

A fenced block's language says what the tests do with it: ``bash`` and ``python`` are run, ``toml`` is read as a config
file, of ``sh`` the command lines are parsed and not run (it needs a network, several machines or minutes),
``text`` is output.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = ("bash", "python", "toml", "json", "sh", "text")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MADE_BY_MAKE = re.compile(r"<!-- [^>]*: make \w+ -->.*?<!-- end of [^>]* -->", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Relative to the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Language and text of each fenced block, in order."""
        return [(match[1], match[2]) for match in _FENCE.finditer(self.text)]

    @property
    def prose(self) -> str:
        """Without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def written_by_hand(self) -> str:
        """The prose without the tables that make targets write."""
        return _MADE_BY_MAKE.sub("", self.prose)

    def commands(self, *languages: str) -> list[list[str]]:
        """The command lines in blocks of these languages."""
        return [words for language, text in self.blocks if language in languages for words in commands_of(text)]

    @property
    def coded(self) -> list[str]:
        """What stands between backticks."""
        return coded(self.prose)

    @property
    def links(self) -> list[str]:
        """Targets of links, those of pictures too."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    @property
    def pictures(self) -> list[str]:
        """Targets of pictures."""
        return re.findall(r"!\[[^]]+\]\(([^)\s]+)\)", self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link to this page may name behind ``#``, as GitHub makes it of headings."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the first table below a heading, without its head."""
        section = self.text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| ")]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def pages() -> list[Page]:
    """The README, then the pages of docs/."""
    return [Page(ROOT / "README.md"), *(Page(path) for path in sorted((ROOT / "docs").glob("*.md")))]


def page(name: str) -> Page:
    """One page of docs/, by its name without ``.md``."""
    return Page(ROOT / "docs" / f"{name}.md")


def coded(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def commands_of(text: str) -> Iterator[list[str]]:
    """The command lines of a block, word by word, without their comments."""
    for line in text.splitlines():
        for part in line.split("&&"):
            if words := shlex.split(part, comments=True):
                yield words
