from . import changes as changes
from . import ingest as ingest
from . import kpis as kpis
from . import publish as publish
from . import report as report
from . import run as run
from . import stores as stores
from . import trace as trace
from . import validate as validate
from . import workspace as workspace
from .report.frames import customers as customers
from .report.frames import kpi as kpi
from .report.frames import ledger as ledger
from .report.frames import order_items as order_items
from .report.frames import orders as orders
from .report.frames import read_customers as read_customers
from .report.frames import read_orders as read_orders
from .report.frames import settings as settings
from .report.frames import sql as sql
from .trace.by_hand import explain as explain

__version__: str
