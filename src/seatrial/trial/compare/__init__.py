"""The sixth box: baseline and candidate, metric by metric, as drafts for the judge."""
