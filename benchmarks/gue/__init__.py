"""GUE, the Genome Understanding Evaluation: see `suite.yaml` and `README.md` in this folder."""
