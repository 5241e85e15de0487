"""One HTML page of artefacts, without scripts and without network."""
