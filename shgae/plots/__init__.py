"""Reports and histories -> figures; nothing here runs a model.

``style`` holds colours, sizes and how a figure is saved; ``lettering`` makes text legible; ``curves`` draws histories
of trainings; ``poses`` draws joints on crops.
"""
