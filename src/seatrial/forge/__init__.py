"""What people see on a pull request: one comment that is the decision, and a check that is its verdict."""
