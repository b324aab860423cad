"""The bot: what a forge tells of pull requests becomes trials, and their results go back."""
