"""What can go wrong by a user's hand: one line of text and one exit code each.

Exit codes (the contract): 0 done; 1 a bug; 2 input, option or artefact refused; 4 training diverged; 5 disk or
I/O; 130 interrupted by SIGINT, 143 by SIGTERM or SIGHUP.
"""

from __future__ import annotations

import json
import unicodedata

AGAIN = "make the artefact again, with --force"
"""What helps where an artefact, or a part of a study, is damaged."""
_GAP = " ... "
_WORD = 12
_UNSEEN = {"Cs": "\N{REPLACEMENT CHARACTER}"}


def printable(text: str) -> str:
    """A text as it may reach a terminal, a picture, Markdown or TeX, whatever file or person it comes from.

    Line breaks, control characters (ESC), and those that are not seen but change the order of others (U+202E) become
    blanks; halves of surrogate pairs, which file names that are not UTF-8 hold, become U+FFFD.
    The length stays.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _UNSEEN.get(unicodedata.category(one), " ") for one in text)


def printable_lines(text: str) -> str:
    """:func:`printable`, but for the line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, most: int = 60) -> str:
    """A text of at most so many characters, its middle left out: what names something is at its ends."""
    if len(text) <= most:
        return text
    kept = most - len(_GAP)
    tail = kept * 2 // 5
    start, end = text[: kept - tail], text[len(text) - tail :]
    # Words stay whole, but for one that is as long as a path.
    if " " in start[-_WORD:] and not text[len(start)].isspace():
        start = start[: start.rindex(" ")]
    if " " in end[:_WORD] and not text[len(text) - tail - 1].isspace():
        end = end[end.index(" ") :]
    return start.rstrip() + _GAP + end.lstrip()


def quoted(value: object, most: int = 40) -> str:
    """A value of a file as JSON spells it, a text in single quotes; of at most so many characters."""
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return shortened(text, most)


class ShgaeError(Exception):
    """An end a user can cause, said in one line: ``error: WHAT in WHERE: WHY. Try: FIX``.

    ``what`` is the thing that failed, ``where`` the file, folder or option, ``why`` the reason and ``fix`` what to
    type or change next. Line breaks and control characters in any part become blanks, so the message is one line.
    """

    exit_code = 2

    def __init__(self, what: str, where: object, why: str, fix: str = "") -> None:
        # The arguments stay those of the class: so an error comes whole out of another process.
        self.what, self.where, self.why, self.fix = what, str(where), why, fix

    def __str__(self) -> str:
        return self.line()

    def line(self) -> str:
        """The message without its leading ``error:``."""
        line = f"{self.what} in {self.where}: {self.why.rstrip('.')}."
        if self.fix:
            line += f" Try: {self.fix.rstrip('.')}."
        return " ".join(printable(line).split())


class Inconsistent(ValueError):
    """Values of the right types that do not fit together; where they were read from a file, the file is refused.

    A class of its own, so that no other :class:`ValueError`, which would be a bug, is taken for the file's fault.
    """


class Refused(ShgaeError):
    """The input, an option or an artefact is refused (exit 2)."""


class Diverged(ShgaeError):
    """Training met a number that is not finite, or its weights stood still (exit 4)."""

    exit_code = 4


class DiskError(ShgaeError):
    """The disk is full, or reading or writing failed (exit 5)."""

    exit_code = 5


class PeerLost(DiskError):
    """Another process of the same stage ended (exit 5): what it says itself, if it could, is the reason."""


class Interrupted(ShgaeError):
    """A signal asked to stop (exit 128 + signal); what was done is saved, or else nothing is left of it."""

    def __init__(self, signal_number: int, where: object, fix: str, *, saved: bool = True) -> None:
        self.exit_code = 128 + signal_number
        left = "what was done is saved" if saved else "nothing was written"
        super().__init__("interrupted", where, f"stopped by a signal; {left}", fix)
