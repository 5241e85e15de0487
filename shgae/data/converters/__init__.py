"""Annotation files of other data sets -> COCO keypoint JSON: a module a data set, and what they share."""
