"""Editing efficiency of guide RNAs: see `suite.yaml` and `README.md` in this folder."""
