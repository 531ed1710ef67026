"""Small classical sets: see `suite.yaml` and `README.md` in this folder."""
