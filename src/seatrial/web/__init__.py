"""What answers over HTTP: the same use cases as the command line, nothing of its own."""
