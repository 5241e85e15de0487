"""What lies on disk: files, hashes, lineage. No mathematics, no torch.

An artefact is a folder; its ``manifest.json`` is written last, and its presence means that the artefact is complete.

=================  ===================================================================================
``tensors``        safetensors files: written whole or not at all, read memory-mapped
``manifest``       the manifest: kind, config, facts, hash of each file, parents with their parents
``facts``          what an artefact says of itself, checked when it is read
``store``          ``new_artifact`` makes an artefact next to its target, ``open_artifact`` checks one and opens it
``folders``        whole folders: locked, cleared, put in place
``crops``          the people and crops of a split
``activations``    the bottleneck tensors of a split
``checkpoint``     the state of a training, one file
``tables``         rows of JSON, a line each
``lineage``        the family tree of an artefact, drawn and verified
=================  ===================================================================================
"""
