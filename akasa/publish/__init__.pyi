from .road import audit as audit
from .road import commit as commit
from .road import plan as plan
from .road import publish as publish
from .road import weigh as weigh
