"""Species classification: see `suite.yaml` and `README.md` in this folder."""
