"""From the drop folders to staged raw records: find deliveries, read them, keep every field as text."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
