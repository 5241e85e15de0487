"""Arrays in, counts out: what is measured on predictions and reconstructions. No files, no torch.

A measure sums over batches and divides once, at the end.

==================  =======================================================================================
``pck``             share of joints found, in the original study's dialect, as counts that add up
``people``          what scores are made of: people, predicted points, groups of joints, a score with its name
``pose_scores``     every other score that the field has, side by side
``pckh``            PCKh in three published averagings, and curves over radii
``oks``             COCO's similarity, precision and recall
``error_kinds``     in what way joints are wrong: jitter, inversion, swap, miss
``nms``             OKS non-maximum suppression: people found twice, kept once
``official``        COCO's ten numbers, by pycocotools' own COCOeval
``comparison``      models on the same people: intervals and differences
``bootstrap``       ratios of sums over people, on photos drawn again and again
``statistics``      the intervals and verdicts that stand on the bootstrap
``score_interval``  the interval of a share near 0 or 100 %
``paired_tests``    McNemar's test, and Holm's adjustment for many tests
``seeds``           arms of several seeds: the error over seeds, and that over seeds and photos
``spending``        how much of the level a look at a growing study may use
``power``           what a planned study will probably find
``reconstruction``  how well an autoencoder gives a tensor back
==================  =======================================================================================
"""
