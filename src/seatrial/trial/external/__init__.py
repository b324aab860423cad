"""The project's own tests (behave, pytest, locust) against every cell."""
