from .gate import require_few_rejected as require_few_rejected
from .gate import require_success as require_success
from .judging import by_reason as by_reason
from .judging import counts as counts
from .judging import judge as judge
from .judging import rejected as rejected
from .judging import warnings as warnings
from .judging import write_quarantine as write_quarantine
