"""From raw records to accepted and rejected ones: clean, judge, keep the rejected, stop what is broken."""
