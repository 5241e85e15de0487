"""Arms with an equal budget, compared on the same people."""
