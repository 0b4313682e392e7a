"""Exact, reproducible KPIs from an airline's daily customers CSV and orders XML.

`import akasa as ak` is all that a notebook needs: the rooms (`ak.ingest`, `ak.validate`, `ak.publish`,
`ak.kpis`, `ak.report`), and what an analyst types by hand, such as `ak.orders()` or `ak.kpi("top_spenders")`.
`__init__.pyi` lists it; nothing is imported before it is used, so that the command line answers at once.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
