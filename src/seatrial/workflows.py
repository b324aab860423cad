"""The durable workflows (DBOS): thin, they call the rooms."""
