"""How the tables of releases came to be what they are."""
