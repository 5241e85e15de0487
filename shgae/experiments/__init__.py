"""The demo, the study, the comparison of runs, the check of resuming: the only room that calls several stages."""
