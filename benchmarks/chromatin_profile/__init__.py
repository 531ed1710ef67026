"""Chromatin profiles: see `suite.yaml` and `README.md` in this folder."""
