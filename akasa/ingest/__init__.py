"""From the drop folders to staged raw records: find deliveries, read them, keep every field as text."""
