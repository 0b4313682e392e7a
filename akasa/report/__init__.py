"""What a report says, in sentences, charts and pages."""
