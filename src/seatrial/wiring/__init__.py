"""Which adapter stands behind which port: the only room that knows them, one module for each part of seatrial."""

from seatrial.wiring.aicoe import open_results
from seatrial.wiring.bots import BotParts, open_bot
from seatrial.wiring.datasets import DatasetTools, open_datasets, open_segment_files
from seatrial.wiring.deployments import open_deployments, open_supervisor, process_runtime
from seatrial.wiring.forges import open_forge, open_objects, open_publication, open_publisher
from seatrial.wiring.gateways import open_access_log, open_gateway, open_traffic
from seatrial.wiring.registries import open_mlflow_models, open_registry, open_store, registry_url, who_acts
from seatrial.wiring.releases import open_release_runner, open_releases, open_reports
from seatrial.wiring.retraining import RetrainMeans, open_retraining
from seatrial.wiring.scheduling import Scheduling, open_scheduling
from seatrial.wiring.servers import ServerParts, open_server
from seatrial.wiring.sources import open_metrics, open_query, open_sources
from seatrial.wiring.streams import open_stream
from seatrial.wiring.telling import open_code_target, open_notices, open_notifier, open_sync
from seatrial.wiring.trials import cache_folder, examine, machine_facts, open_clock, open_trial

__all__ = [
    "BotParts",
    "DatasetTools",
    "RetrainMeans",
    "Scheduling",
    "ServerParts",
    "cache_folder",
    "examine",
    "machine_facts",
    "open_access_log",
    "open_bot",
    "open_clock",
    "open_code_target",
    "open_datasets",
    "open_deployments",
    "open_forge",
    "open_gateway",
    "open_metrics",
    "open_mlflow_models",
    "open_notices",
    "open_notifier",
    "open_objects",
    "open_publication",
    "open_publisher",
    "open_query",
    "open_registry",
    "open_release_runner",
    "open_releases",
    "open_reports",
    "open_results",
    "open_retraining",
    "open_scheduling",
    "open_segment_files",
    "open_server",
    "open_sources",
    "open_store",
    "open_stream",
    "open_supervisor",
    "open_sync",
    "open_traffic",
    "open_trial",
    "process_runtime",
    "registry_url",
    "who_acts",
]
