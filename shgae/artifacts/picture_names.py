"""The pictures of artefacts that a page shows too, by their file names."""

from __future__ import annotations

SHEET = "sheet.png"
"""Some people or photos, side by side."""
RATE = "rate.png"
DIFFERENCES = "differences.png"
CODE_SIZES = "code-sizes.png"
