"""How the tables of deployments came to be what they are."""
