"""nginx as a gateway; see `traffic`."""
