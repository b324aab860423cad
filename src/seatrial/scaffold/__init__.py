"""A new project: the files of a working ML repository."""
