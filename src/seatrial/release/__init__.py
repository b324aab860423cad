"""A version on its way to all users: step by step, judged all the while, and back at any time."""
