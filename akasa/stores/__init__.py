"""The two stores, the database and the warehouse: tables, migrations, connections, reading."""
