"""One file a command: ``run(inputs, output, config, execution)`` reads its parents and writes one artefact or
file, or only says what it found (``doctor``, ``info``, ``verify``).

Stages wire rooms together; what is computed has rooms of its own. Every one can be called from Python just as from the
command line; the results are dataclasses, and ``to_json`` is what ``--json`` prints.
"""
