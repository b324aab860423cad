"""How the tables of the dataset book came to be what they are."""
