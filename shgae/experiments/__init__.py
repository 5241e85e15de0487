"""The only room that calls several stages: the demo, the study, the check of resuming."""
