"""Scores of the literature, one csv per suite; `harness/report/published.py` reads them."""
