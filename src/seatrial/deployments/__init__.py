"""Models that run for users: started, watched, started again, scaled and stopped."""
