"""What people are told, and how a message is worded."""
