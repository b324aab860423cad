"""Pages that are one file: what the reports of trials and releases share.

A page loads nothing and says everything in tables even without JavaScript. The plots are Vega-Lite specifications
embedded as JSON and drawn by the vendored scripts of `assets/`. The page's Content-Security-Policy admits exactly these
scripts by their digests and no `eval` (Vega runs its expressions in an interpreter), so that text from a log or a package
can't become code even if escaping failed.
"""

from seatrial.pages.page import embed, environment, frame

__all__ = ["embed", "environment", "frame"]
