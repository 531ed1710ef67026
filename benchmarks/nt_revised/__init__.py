"""The suite nt_revised: suite.yaml and its README."""
