"""The four KPIs, computed independently by SQL, by pandas and by Dask from one set of definitions."""
