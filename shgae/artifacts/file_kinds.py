"""What a file is that is taken for something else, told by how it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping

Kind = tuple[str, str]
"""What it is, and what to do."""
WEB_PAGE: Kind = ("a web page, so its download failed", "fetch the file again")
NOT_FETCHED: Mapping[bytes, Kind] = {
    rb"version https://git-lfs": ("a pointer of Git LFS", "git lfs pull"),
    rb"\s*(?i:(<!--.{,300}-->\s*)?<(!doctype html|html|head|body))": WEB_PAGE,
    rb"(\xef\xbb\xbf)?(<\?xml[^>]*>)?\s*<Error>": (
        "a store's error page, so its download failed",
        "fetch the file again",
    ),
}
"""By a regular expression of the beginning: what lies in the place of a file of any kind."""
FAILED_AS_JSON: Mapping[bytes, Kind] = {
    rb'\s*\{\s*"': ("a JSON, as a download that failed leaves", "fetch the file again"),
}
"""The same, of a file that is not a JSON."""


def kind_of(start: bytes, kinds: Mapping[bytes, Kind]) -> Kind | None:
    """The first of these kinds, by regular expression, as which a file begins; None where it is none of them."""
    return next((kind for begin, kind in kinds.items() if re.match(begin, start, re.DOTALL)), None)
