"""Replacements of the bottleneck and what they cost."""
