"""Which version of which model is where, who moved it there, and on which evidence."""
