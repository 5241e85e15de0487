"""The bottleneck's numbers: spectrum, clusters, traversals, skips, code units."""
