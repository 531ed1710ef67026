"""What is measured: one folder per suite with its `suite.yaml`, a README, and data or a build script if any."""
