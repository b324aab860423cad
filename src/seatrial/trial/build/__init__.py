"""The second box: what a cell needs before it can start: its files, its software stack, its build."""
