"""What moved since the last run, and why: both sides from the ledger, causes that add up."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
