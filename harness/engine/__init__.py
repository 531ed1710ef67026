"""Torch at work: devices and seeds, batches, the training loop. `recipe` alone can be read without torch."""
