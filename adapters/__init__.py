"""Who is measured: one card per model family; the networks are in `ports/`."""
