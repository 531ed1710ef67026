"""Facts about data that need no model: rows that two splits share, repeats, contradictory labels."""
