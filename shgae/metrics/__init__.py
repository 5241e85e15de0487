"""Arrays in, counts out: what is measured on predictions and reconstructions. No files, no torch.

A measure sums over batches and divides once, at the end.

==================  ==============================================
``pck``             share of joints found, in the study's dialect
``reconstruction``  how well an autoencoder gives a tensor back
``floors``          what a predictor that never looks would score
==================  ==============================================
"""
