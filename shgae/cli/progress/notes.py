"""Which notes a command has shown."""

from __future__ import annotations

_MARK = "note: "


class Notes:
    """Remembers notes: what several steps of one command have reason to say is shown once."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def repeats(self, line: str) -> bool:
        """Whether it is a note that was shown before, of whichever step; other lines never are."""
        _, mark, text = line.partition(_MARK)
        if not mark or text in self._shown:
            return bool(mark)
        self._shown.add(text)
        return False
