"""From raw records to accepted and rejected ones: clean, judge, keep the rejected, stop what is broken."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
