"""Where notices go: a line in the log, or whatever apprise reaches by a URL."""
