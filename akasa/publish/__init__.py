"""From judged deliveries to published tables, in both stores."""
