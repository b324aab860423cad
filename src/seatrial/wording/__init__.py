"""How figures and verdicts read: the words that reports, the terminal and notices share.

A number or a verdict reads the same wherever someone meets it, and untrusted text (log lines, model names, test output)
is made harmless in one place.
"""
