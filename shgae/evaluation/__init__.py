"""Predictions, from maps or a file, and their report: every score, interval and difference."""
