"""The KPIs: what they are, computed independently by SQL, pandas and Dask, and proved by comparison."""
