from .staging import preview as preview
from .staging import read_manifest as read_manifest
from .staging import repeated as repeated
from .staging import require_none_refused as require_none_refused
from .staging import stage_all as stage_all
from .staging import table as table
