"""Arrays in, results out: what lies in the bottleneck, and what the network makes of it. No files.

=================  ==========================================================================
``pca``            principal components of bottleneck tensors, in one pass
``code``           which numbers of a code say anything
``replacements``   what may stand in the bottleneck's place
``splice``         what the maps lose by it, and how much of that is given back
``exactness``      whether a splice is what it claims to be
``splice_report``  all that together, as it is written and shown
``rate``           where an autoencoder lies on the curve of principal components
``sentences``      what all that allows to say
=================  ==========================================================================
"""
