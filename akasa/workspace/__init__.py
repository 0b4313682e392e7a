"""Where a run works: settings, files that are written whole or not at all, progress."""
