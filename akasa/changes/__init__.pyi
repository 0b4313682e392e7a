from .comparing import Changes as Changes
from .comparing import since_last_run as since_last_run
from .kept import put_in_place as put_in_place
