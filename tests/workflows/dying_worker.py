"""`seatrial worker`, but for a process that kills itself at a step of a trial of the bot.

    python -m tests.workflows.dying_worker WHEN STEP WORD…

WHEN and STEP as in `tests.workflows.dying` (`older` too); with an empty STEP it lives. It looks for what was left five times a second.
"""

import sys
from pathlib import Path

from seatrial.cli.main import main
from seatrial.workflows import attend, durable, trials
from seatrial.workflows.durable import durable_step
from tests.workflows.dying import dying

if __name__ == "__main__":
    moment, name = sys.argv[1:3]
    if moment == "older":
        vars(durable)["STORIES"] = vars(trials)["STORIES"] = "1"
        moment = "before"
    vars(trials)["durable_step"] = dying(durable_step, moment, name)
    (attend.Attendant.__init__.__kwdefaults__ or {})["every"] = 0.2
    sys.argv = ["seatrial", *sys.argv[3:]]
    sys.path.insert(0, str(Path.cwd()))
    main()
