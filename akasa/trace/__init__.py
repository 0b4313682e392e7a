"""From a published number back to the delivered lines that make it, proved apart from every engine."""
