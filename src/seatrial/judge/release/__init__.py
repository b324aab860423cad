"""The judge of releases: may be asked after every window, and keeps its error rates anyway."""
