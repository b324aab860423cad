"""Repositories of the AICoE and Thoth ecosystem: their configuration, their tests, their comment, their stored metrics."""
