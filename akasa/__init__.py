"""Exact, reproducible KPIs from an airline's daily customers CSV and orders XML."""

__version__ = "0.1.0"
