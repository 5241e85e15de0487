"""What lies on disk: files, hashes, lineage. No mathematics, no torch.

An artefact is a folder; its ``manifest.json`` is written last, and its presence means that the artefact is complete.

=====================  ===================================================================================
``durable``            files that a crash leaves as they were or as they are to be
``tensors``            safetensors files, read memory-mapped
``manifest``           the manifest: kind, config, facts, hash of each file, parents with their parents
``facts``              what an artefact says of itself, checked when it is read
``store``              ``open_artifact`` checks an artefact and opens it
``checking``           an artefact's files, hashed while their reader is at work
``locking``            a lock as a file
``folders``            whole folders: locked, cleared, put in place
``crops``              the people and crops of a split
``ignored``            crowds and people without joints, which OKS AP ignores
``activations``        the bottleneck tensors of a split
``activation_writer``  those tensors on their way to disk: shards, and pieces of an unfinished one
``activation_splits``  activations for Python, with their people
``reconstructions``    bottlenecks that another program reconstructed
``checkpoint``         the state of a training, one file
``tables``             rows of JSON, a line each
``lineage``            the family tree of an artefact, drawn and verified
``draft``              an artefact that is being made next to its target, and its commit
``pieces``             the log of what an unfinished artefact has written
``run_log``            who began an unfinished artefact, and under which conditions
``compatibility``      which artefacts fit together
``hashing``            checksums of files, and which are known already
``typed_json``         dataclasses as JSON, written and read back
``strict_json``        the one strict reader of JSON
``command_line``       the command line, for manifests; others to copy
``disk_space``         room on the disk, looked at before long work
``file_kinds``         what a file is that is taken for something else
``input_file``         files that are read: opened once, and nothing without an end
``output_file``        an output that is a single file
``reader_process``     a bounded process that reads a file which nobody trusts
``scratch``            temporary folders that do not outlive their program
=====================  ===================================================================================
"""
