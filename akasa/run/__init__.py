"""A run: the notebooks in sequence, their parameters, and what the console shows."""
