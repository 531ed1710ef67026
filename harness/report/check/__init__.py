"""Checks of what others bring: models, checkpoints, task files and results trees, each a list of findings."""
