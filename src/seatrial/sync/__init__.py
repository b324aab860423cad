"""The project's code, copied one way from a git ref into a workspace."""
