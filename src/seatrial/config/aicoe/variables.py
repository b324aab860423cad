"""The variables that the tests of AICoE-CI are given, as the `env:` of a test. `${NAME:-…}` lets the caller say otherwise."""

from typing import Final

from seatrial.config.aicoe.telling import escaped
from seatrial.records.aicoe import AicoeBuild, AicoeGather, Overlay

HELPERS: Final = "PIPELINE_HELPERS_"
NAMESPACE: Final = "aicoe-ci"
_OF_THE_CALLER: Final = (
    "THANOS_ENDPOINT",
    "THANOS_ACCESS_TOKEN",
    "THOTH_S3_ENDPOINT_URL",
    "THOTH_CEPH_BUCKET",
    "THOTH_CEPH_KEY_ID",
    "THOTH_CEPH_SECRET_KEY",
)


def test_variables(overlay: Overlay, *, deployed_as: str) -> dict[str, str]:
    """All of them for one overlay; seatrial itself adds DEPLOYED_MODEL_URL and STORE_METRICS_PATH.

    Args:
        overlay: that is tested.
        deployed_as: name in its manifests; empty where they don't say.
    """
    gather, deploy = overlay.gather or AicoeGather(), overlay.deploy
    image = deploy.image_name if deploy else ""
    helpers = {
        "METRICS_FILE_PATH": "${STORE_METRICS_PATH}",
        "PLATFORM_METRICS_FILE_PATH": "${SEATRIAL_TEST_FOLDER}/platform_metrics.json",
        "TEST_RUNTIME_ENVIRONMENT_NAME": escaped(gather.overlay),
        "TEST_NAME": escaped(gather.name),
        "TEST_TYPE": "behave",
        "POD_NAME": "${SEATRIAL_CELL}",
        "DEPLOYMENT_NAMESPACE": _default("DEPLOYMENT_NAMESPACE", NAMESPACE),
        "OVERLAY_NAME": escaped(overlay.name),
        "IMAGE_URL_DEPLOYMENT": escaped(_image(overlay.build, image)),
        "DEPLOYMENT_CONFIG_NAME": escaped(deployed_as or image or overlay.name),
        "PR_FILE_PATH": _default("PR_FILE_PATH", "pr.json"),
        "MAX_LIMIT_RESULTS": _default("MAX_LIMIT_RESULTS", "10"),
    }
    return {
        "TUTORIAL_MAX_REQUESTS_TEST": "${TUTORIAL_MAX_REQUESTS_TEST:-10000}",
        "REPO_URL": "${REPO_URL:-}",
        "COMMIT_SHA": "${COMMIT_SHA:-}",
        **{f"{HELPERS}{name}": value for name, value in helpers.items()},
        **{name: f"${{{name}:-}}" for name in _OF_THE_CALLER},
    }


def _default(name: str, value: str) -> str:
    return f"${{{HELPERS}{name}:-{value}}}"


def _image(build: AicoeBuild | None, image: str) -> str:
    if build is None:
        return image
    project = build.registry_project or image
    tag = f":{build.custom_tag}" if build.custom_tag else ""
    return f"{build.registry}/{build.registry_org}/{project}{tag}"
