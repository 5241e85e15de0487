"""Annotation files of other data sets -> COCO keypoint JSON: a module a data set, and what they share.

``annotations`` is the door: it reads files in a process of its own.
"""
