"""Arrays in, results out: what lies in the bottleneck, and what the network makes of it. No files.

==========  ==========================================================
``pca``     principal components of bottleneck tensors, in one pass
==========  ==========================================================
"""
