"""One file a command: ``run(inputs, output, config, execution)`` reads its parents and writes one artefact.

Stages wire rooms together and compute nothing themselves. Every one can be called from Python just as from the
command line; the results are dataclasses, and ``to_json`` is what ``--json`` prints.
"""
