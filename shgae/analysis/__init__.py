"""Bottlenecks and networks in, reports with verdicts out; a folder an analysis, which imports no other analysis.

================  =========================================================================
``splice``        replacements of the bottleneck: what PCK loses, what the autoencoder recovers
``rate``          PCK and FVU over principal components, and where the autoencoder lies
``latent``        spectrum, clusters, traversals, skips level by level, units of the code
``inputs``        which data, activations and autoencoders belong to a network
``site``          one stack of a network
``splicer``       a network cut open at a site
``replacements``  what is put in the bottleneck's place
``effects``       what that does to the maps, with intervals over photos
``changes``       verdicts on two replacements
``pca``           principal components of bottleneck tensors, in one pass
``result``        what the caller of an analysis gets
``phrases``       intervals and comparisons in words; for the ``text`` modules only
================  =========================================================================
"""
