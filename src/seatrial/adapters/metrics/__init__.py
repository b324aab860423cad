"""Where the windows of a release come from: the gateway's log, the model servers, a Prometheus, and labels."""
