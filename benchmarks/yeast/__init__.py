"""The embedded suite on the real yeast genome: see `suite.yaml` and `README.md` in this folder."""
