"""The command line: one module per command group; `output` owns everything that is printed."""
