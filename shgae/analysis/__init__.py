"""Bottlenecks and networks in, reports with verdicts out; a folder an analysis.

===========  ==============================================================================
``splice``   replacements of the bottleneck: what PCK loses, what the autoencoder recovers
``rate``     PCK and FVU over principal components, and where the autoencoder lies
``latent``   spectrum, clusters, traversals, skips level by level, units of the code
``pca``      principal components of bottleneck tensors, in one pass
``inputs``   which data, activations and autoencoders belong to a network
``phrases``  numbers with their intervals, in words; for the ``text`` modules only
===========  ==============================================================================
"""
