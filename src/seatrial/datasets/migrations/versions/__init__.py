"""One module per migration, in the order of `down_revision`."""
