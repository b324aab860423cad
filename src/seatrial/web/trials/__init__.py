"""The pages of the bot: which trials there are, how far each is, live, and its report."""
