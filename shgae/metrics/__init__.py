"""Arrays in, counts out: what is measured on predictions and reconstructions. No files, no torch.

A measure sums over batches and divides once, at the end.

==================  =======================================================================================
``pck``             share of joints found, in the original study's dialect, as counts that add up
``people``          what scores are made of: people, predicted points, groups of joints, a score with its name
``pose_scores``     every other score that the field has, side by side
``pckh``            PCKh in three published averagings, and curves over radii
``oks``             COCO's similarity, precision and recall; people found twice, kept once
``error_kinds``     in what way joints are wrong: jitter, inversion, swap, miss
``comparison``      models on the same people: intervals, differences, and tests of single joints
``bootstrap``       ratios of sums over people, on photos drawn again and again
``statistics``      the intervals and verdicts that stand on the bootstrap; the score interval near 0 and 100 %
``seeds``           arms of several seeds: the error over seeds, and that over seeds and photos
``spending``        how much of the level a look at a growing study may use
``power``           what a planned study will probably find
``reconstruction``  how well an autoencoder gives a tensor back
==================  =======================================================================================
"""
