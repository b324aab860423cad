"""Envoy as a gateway; see `traffic`."""
