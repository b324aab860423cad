"""How the tables of the bot's book came to be what they are."""
