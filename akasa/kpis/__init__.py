"""The KPIs: what they are, computed independently by SQL, pandas and Dask, and proved by comparison."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
