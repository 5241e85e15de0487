"""Tensors in, tensors out: the networks of the original study, one file a box of its figures.

::

    images ─ Stem ─┬─ Hourglass ────────────────────────────── Head ─ maps
                   │    encode ─ bottleneck ─ graft ─ decode     │
                   │       └──────── skips ──────────┘           │
                   └──────────────── (+) ───────────── Merge ────┘   into the next stack, if there is one

======================  ================================================================================
``layers``              Residual blocks and the stem: the smallest parts
``hourglass``           Hourglass, Head, Merge, Stack, StackedHourglass: how the parts are wired
``autoencoder``         Autoencoder: bottleneck -> code -> bottleneck
``grafting``            the autoencoder goes into the hourglass's ``graft`` slot, and out again
``zoo``                 builders: the only place with sizes; opening models from artefacts
``foreign``             reading other people's weight files, safely
``checkpoint_formats``  the names that other people gave to our tensors
``specs``               sizes of networks, as manifests keep them
``ungrafted``           which network a grafted one was before
``joints``              a network of other joints than it was trained on
``exporting``           a network as an ONNX graph, and whether that computes the same
``foreign_objects``     inert stand-ins for objects in a checkpoint
``foreign_tensors``     tensors in any nesting of a checkpoint
======================  ================================================================================

Letters in shapes: N people (one crop each), S stacks, K keypoints, C channels of the network (its width, 256), H x W
rows and columns. Images are (N, 3, crop_size, crop_size) float32, RGB in [0, 1] minus the training mean; maps are
(N, S, K, crop_size / 4, crop_size / 4); the bottleneck is (N, C, 4, 4), signed.
"""
