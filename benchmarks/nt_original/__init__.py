"""The suite nt_original: suite.yaml and its README."""
