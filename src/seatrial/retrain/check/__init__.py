"""New rows before they count: what is wrong with each of them, and with all of them together.

A row that breaks a rule is quarantined with its reasons, and the others count. A batch as a whole is refused when too many
of its rows are bad, or when it looks unlike everything before it: then all of it is quarantined. Nothing is lost either way:
each collected row is in the good file or in the bad one.
"""

from seatrial.retrain.check.before import Before, Earlier, before_files, before_versions
from seatrial.retrain.check.checking import check

__all__ = ["Before", "Earlier", "before_files", "before_versions", "check"]
