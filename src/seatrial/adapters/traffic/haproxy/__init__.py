"""HAProxy as a gateway; see `traffic`."""
