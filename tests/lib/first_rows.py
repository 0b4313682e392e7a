"""Rows as the first version of the tables held them (migration 0001).

Asha's number went to Bina, and from her to Chitra.
"""

from akasa.stores import database

STATEMENTS = [
    """insert into customers values
    ('C-1', 'Asha', '9000000001', 'North', 1), ('C-2', 'Bina', '9000000001', 'South', 2),
    ('C-3', 'Chitra', '9000000001', 'East', 3), ('C-4', 'Dev', '9000000004', 'East', 2)""",
    """insert into orders values ('O-1', '9000000001', '2025-10-12 09:15:32', '2025-10-12', 100, 4)""",
    *(
        f"""insert into deliveries values ('{number:064d}', {number}, '{position}', '{name}', '{kind}',
        'order', '2025-11-{10 + number}', 1, 1, 0, 0, '2025-11-15 12:00:00')"""
        for number, position, name, kind in (
            (1, "0", "customers.csv", "customers"),
            (2, "1 2", "incoming/customers_2025-11-12.csv", "customers"),
            (3, "1 3", "incoming/customers_2025-11-13.csv", "customers"),
            (4, "0", "orders.xml", "orders"),
        )
    ),
]


def put(settings):
    """Put them into a database that stands at revision 0001."""
    with database.transaction(settings) as connection:
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
