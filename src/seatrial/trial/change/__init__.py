"""The first box: what changed. Versions as git trees, the files between them by axis, and checkouts."""
