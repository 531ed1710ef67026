"""The networks: one readable PyTorch file each. Only here and in `harness/engine` is torch imported at the top."""
