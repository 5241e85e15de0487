"""One training loop for all three trainings.

``objectives`` turn a batch into a loss and a validation split into a score; ``loop.fit`` does the rest: order, steps,
checkpoints, best model, history. Data order, noise and learning rate are functions of (seed, epoch, step), so a
resumed training repeats the uninterrupted one bit for bit.
"""
