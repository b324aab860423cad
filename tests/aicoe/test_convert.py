"""Overlays become deployments of an ordinary `seatrial.yaml`, and whatever does not is said."""

import io
import os
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from seatrial.config import read_project
from seatrial.config.aicoe.convert_thoth import convert_thoth
from seatrial.config.aicoe.drafts import Converted
from seatrial.records import DeploymentSpec, Project, Resources, StackSpec, UsageError
from seatrial.trial.build.environment import fill_in
from seatrial.trial.deploy import command_line
from tests.aicoe.making import HERE, LOCK, Memory, converted, overlay

MANIFEST = """\
kind: Service
---
kind: DeploymentConfig
metadata: {name: tutorial}
spec:
  template:
    spec:
      containers:
      - name: tutorial
        env:
        - {name: MODEL_VERSION, value: "torch-${x}"}
        - {name: USE_TORCH, value: "1"}
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: keys, key: token}}}
        ports: [{containerPort: 5000}]
        resources: {limits: {memory: 768Mi, cpu: 100m}}
        readinessProbe: {httpGet: {path: /readiness, port: 5000}}
"""
TUTORIAL = {
    "wsgi.py": "",
    "overlays/inference/Pipfile.lock": LOCK.replace("six", "gunicorn"),
    "overlays/test-model/Pipfile": "[packages]\nbehave = '*'\n",
    "manifests/overlays/inference/deploymentconfig.yaml": MANIFEST,
}
AICOE = "overlays:\n" + overlay(
    build='{base-image: "quay.io/org/s2i-thoth-ubi8-py38:v0.28.0", build-stratergy: Source, custom-tag: latest}',
    deploy="{image-name: model, overlay-contextpath: manifests/overlays/inference/imagestreamtag.yaml}",
    gather="{overlay-name: test-model, name: gather_metrics}",
)


NOTHING_TAKEN = "no environment, probe or limit is taken from them"


def project(text: str) -> Project:
    """What a converted configuration means."""
    return read_project(text, where="seatrial.yaml", default_name="tutorial")


def only(files: Mapping[str, str], aicoe: str = "") -> DeploymentSpec:
    """The one deployment of a repository."""
    (deployment,) = project(converted(files, aicoe).text).deployments
    return deployment


def test_a_repository_of_the_field_is_converted_whole() -> None:
    """Stack, Python, command, environment, limits, probe and test are taken from where the field has them."""
    deployment = only(TUTORIAL, AICOE)

    assert ("inference", "gunicorn --bind 127.0.0.1:$PORT wsgi") == (deployment.name, deployment.run)
    assert StackSpec(file="overlays/inference/Pipfile.lock", python="3.8") == deployment.stack
    assert {"MODEL_VERSION": "torch-${x}", "USE_TORCH": "1", "TOKEN": ""} == fill_in(deployment.env, {})
    assert {"TOKEN": "s3"} == {"TOKEN": fill_in(deployment.env, {"TOKEN": "s3"})["TOKEN"]}
    assert Resources(cpu=0.1, memory=768 << 20) == deployment.resources
    assert "/readiness" == deployment.health.path
    (test,) = deployment.tests
    assert ("behave", "gather_metrics", "overlays/test-model/Pipfile") == (test.kind, test.target, test.stack)


def test_a_test_gets_all_variables_of_the_field() -> None:
    """What seatrial tells a test is under the field's names too; the caller may say otherwise."""
    (test,) = only(TUTORIAL, AICOE).tests
    told = {
        "STORE_METRICS_PATH": "/run/metrics.json",
        "SEATRIAL_TEST_FOLDER": "/run",
        "SEATRIAL_CELL": "inference@candidate",
        "REPO_URL": "https://forge.example/o/r",
    }

    env = fill_in(test.env, {**told, "THANOS_ENDPOINT": "https://thanos.example", "TUTORIAL_MAX_REQUESTS_TEST": "5"})

    helpers = {
        "METRICS_FILE_PATH": "/run/metrics.json",
        "PLATFORM_METRICS_FILE_PATH": "/run/platform_metrics.json",
        "TEST_RUNTIME_ENVIRONMENT_NAME": "test-model",
        "TEST_NAME": "gather_metrics",
        "TEST_TYPE": "behave",
        "POD_NAME": "inference@candidate",
        "DEPLOYMENT_NAMESPACE": "aicoe-ci",
        "OVERLAY_NAME": "inference",
        "IMAGE_URL_DEPLOYMENT": "quay.io/thoth-station/model:latest",
        "DEPLOYMENT_CONFIG_NAME": "tutorial",
        "PR_FILE_PATH": "pr.json",
        "MAX_LIMIT_RESULTS": "10",
    }
    others = {
        "TUTORIAL_MAX_REQUESTS_TEST": "5",
        "REPO_URL": "https://forge.example/o/r",
        "COMMIT_SHA": "",
        "THANOS_ENDPOINT": "https://thanos.example",
        "THANOS_ACCESS_TOKEN": "",
        "THOTH_S3_ENDPOINT_URL": "",
        "THOTH_CEPH_BUCKET": "",
        "THOTH_CEPH_KEY_ID": "",
        "THOTH_CEPH_SECRET_KEY": "",
    }
    assert {f"PIPELINE_HELPERS_{name}": value for name, value in helpers.items()} | others == env


def test_a_base_is_under_the_manifests_of_an_overlay() -> None:
    """As kustomize merges them: the overlay's variables and limits win, the rest of the base stays."""
    own = "kind: DeploymentConfig\nspec: {template: {spec: {containers: [{env: [{name: USE_TORCH, value: '0'}, {name: TOKEN, value: x}]}]}}}\n"
    files = {
        "wsgi.py": "",
        "manifests/base/deploymentconfig.yaml": MANIFEST,
        "manifests/overlays/inference/kustomization.yaml": "resources: [../../base]\npatchesStrategicMerge: [dc.yaml]\n",
        "manifests/overlays/inference/dc.yaml": own,
    }
    deployment = only(files, AICOE)
    assert {"MODEL_VERSION": "torch-${x}", "USE_TORCH": "0", "TOKEN": "x"} == fill_in(deployment.env, {})
    assert Resources(cpu=0.1, memory=768 << 20) == deployment.resources


def test_the_command_of_a_manifest_is_that_of_the_deployment() -> None:
    """It goes before the image's, and `$(NAME)` in it is a variable."""
    command = MANIFEST.replace(
        "        ports:",
        "        command: [serve, --port=5000]\n        args: ['--model=$(MODEL)', '$5']\n        ports:",
    )
    files = {"manifests/overlays/inference/deploymentconfig.yaml": command}
    assert "serve --port=$PORT --model=${MODEL} $$5" == only(files).run


def test_the_packages_that_a_dockerfile_installs_are_those_of_the_deployment() -> None:
    """Before those of the root; its base image tells the Python."""
    dockerfile = 'FROM python:3.9-slim\nCOPY . .\nRUN pip install -r deploy/requirements.txt\nCMD ["serve", "8080"]\n'
    files = {"Dockerfile": dockerfile, "deploy/requirements.txt": "six\n", "requirements.txt": "flask\n"}
    deployment = only(files, f"overlays:\n{overlay(build='{}')}")
    assert (StackSpec(file="deploy/requirements.txt", python="3.9"), "serve $PORT") == (
        deployment.stack,
        deployment.run,
    )


def test_manifests_that_cannot_be_read_are_said_and_stop_nothing() -> None:
    """With the line."""
    folder = "manifests/overlays/inference"
    for name in ("deploymentconfig.yaml", "kustomization.yaml"):
        (said,) = [note for note in converted({"app.py": "", f"{folder}/{name}": "a: [\n"}).left if "not YAML" in note]
        assert f"overlay inference: {folder}/{name}:" in said


def test_what_is_not_taken_is_said() -> None:
    """Incomplete overlays, secrets, manifests elsewhere, unknown keys, and what a trial has no use for."""
    text = f"owner: me\nrelease: [upload-pypi]\ncheck: [overlays-build]\noverlays:\n{overlay('training', gather='', deploy='')}"
    complete = AICOE.removeprefix("overlays:\n")

    left = converted(TUTORIAL, f"{text}{complete}{overlay('other')}").left

    assert (
        ".aicoe-ci.yaml:1: unknown key 'owner' was left out",
        "overlay training is not tried: it lacks deploy and gather",
        "overlay inference: TOKEN comes from secret keys, key token: export TOKEN where seatrial runs, or it is empty",
        "overlay other: it declares no packages, so it runs with those that the root declares, else with seatrial's own",
        "overlay other: its manifests (thoth-application) are not in this repository: " + NOTHING_TAKEN,
        "overlay other: 'test', which gather.overlay-name names, declares no packages: its test gets those of seatrial, and behave",
        "no image is built or pushed: registries, tags, secrets, architectures and build scripts are not used",
        "check and release at the top level are not part of a trial",
    ) == left


def test_an_overlay_whose_command_is_unknown_is_a_deployment_that_says_so() -> None:
    """Its row is in the report, failed; it is not dropped."""
    deployment = only({}, f"overlays:\n{overlay(build='{build-strategy: Dockerfile}')}")
    assert deployment.run is not None
    assert "how inference starts can" in deployment.run
    assert deployment.run.endswith("exit 78'")


def test_no_complete_overlay_is_an_error_that_names_what_each_lacks() -> None:
    """A trial of nothing would pass."""
    with pytest.raises(
        UsageError, match="overlay a is not tried: it lacks deploy; overlay b is not tried: it lacks gather"
    ):
        converted({}, f"overlays:\n{overlay('a', deploy='')}{overlay('b', gather='')}")


def test_what_this_machine_cannot_honour_is_said() -> None:
    """Of the environments of the overlays that are tried, and of their tests."""
    thoth = """\
runtime_environments:
- {name: inference, operating_system: {name: ubi, version: "8"}, cuda_version: "11.0", python_version: "3.9"}
- {name: test, operating_system: {name: debian, version: "12"}, hardware: {cpu_family: "6"}, recommendation_type: security}
- {name: unused, cuda_version: "10.0"}
"""
    found = converted({"wsgi.py": "", ".thoth.yaml": thoth})
    assert [
        "environment inference asks for ubi 8; it runs on this machine's system, debian 12",
        "environment inference asks for CUDA 11.0; this machine has no NVIDIA driver",
        "environment test asks for a CPU of family 6; it runs on this machine's",
        "environment test: nothing is recommended (security): what is locked is installed",
    ] == [sentence for sentence in found.left if sentence.startswith("environment")]
    assert ["3.9"] == [deployment.stack.python for deployment in project(found.text).deployments]


def test_runtime_environments_are_named_stacks_of_one_deployment() -> None:
    """N environments are N deployments, each with its own packages and Python."""
    files = {
        ".thoth.yaml": "overlays_dir: overlays\nruntime_environments:\n- {name: old, python_version: '3.9'}\n- {name: new/er, python_version: 3.10}\n- {name: root}\n",
        "overlays/old/Pipfile.lock": LOCK,
        "overlays/new/er/requirements.txt": "six\n",
        "requirements.txt": "six\n",
        "app.py": "os.environ['PORT']",
        "features/gather.feature": "",
    }
    found = project(convert_thoth(Memory(files), ".thoth.yaml", HERE).text)
    assert [
        ("app-old", StackSpec(file="overlays/old/Pipfile.lock", python="3.9")),
        ("app-new-er", StackSpec(file="overlays/new/er/requirements.txt", python="3.10")),
        ("app-root", StackSpec(file="requirements.txt")),
    ] == [(deployment.name, deployment.stack) for deployment in found.deployments]
    assert {"python app.py"} == {deployment.run for deployment in found.deployments}


def test_runtime_environments_without_anything_to_test_them_with_are_an_error() -> None:
    """Stacks alone say nothing of what is measured."""
    with pytest.raises(UsageError, match="no features"):
        convert_thoth(Memory({".thoth.yaml": "runtime_environments: [{name: a}]\n"}), ".thoth.yaml", HERE)


_TEXT = st.text(max_size=20) | st.sampled_from(
    ["Dockerfile", "../x", "/etc", "manifests/overlays/a/i.yaml", "a", "\x00", "${", "3.10"]
)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_BUILD = st.sampled_from(
    ["base-image", "build-strategy", "build-stratergy", "dockerfile-path", "custom-tag", "registry"]
)
_BUILDS = st.dictionaries(_BUILD, _TEXT, max_size=3)
_DEPLOYS = st.dictionaries(st.sampled_from(["image-name", "overlay-contextpath"]), _TEXT)
_GATHERS = st.fixed_dictionaries({"name": _TEXT}, optional={"overlay-name": _TEXT})
_COMPLETE = st.fixed_dictionaries({"name": _TEXT, "build": _BUILDS, "deploy": _DEPLOYS, "gather": _GATHERS})
_ANY = st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "build", "deploy", "gather", "other"), _VALUE))
_FILE = st.sampled_from(
    [
        "Dockerfile",
        "app.sh",
        "app.py",
        ".s2i/environment",
        "Pipfile.lock",
        "overlays/a/Pipfile",
        "manifests/overlays/a/deployment.yaml",
        ".thoth.yaml",
    ]
)
_CONTENT = st.text(max_size=40) | st.sampled_from(
    [
        MANIFEST,
        'FROM a\nCMD ["x", 1]',
        "FROM\nENV\nCOPY\nEXPOSE x\nCMD",
        "APP_FILE=\x00",
        '{"default": []}',
        "kind: Deployment\nspec: []",
    ]
)


@given(st.lists(_COMPLETE | _ANY, max_size=3), st.dictionaries(_FILE, _CONTENT, max_size=4))
def test_any_mapping_of_overlays_is_converted_or_refused_in_words(
    overlays: list[dict[str, object]], files: dict[str, str]
) -> None:
    """Every overlay is a deployment or is named with what it lacks, and what is written can be read and started."""
    out = _dumped({"overlays": overlays})
    found = _converted_or_refused(files, out)
    if found is None:
        return
    deployments = project(found.text).deployments
    lacking = [sentence for sentence in found.left if "is not tried: it lacks" in sentence]
    assert len(overlays) == len(deployments) + len(lacking)
    for deployment in deployments:
        fill_in(deployment.env, os.environ)
        assert [] != command_line(deployment.run or "", {"PORT": "4711"}, where=deployment.name)


def _converted_or_refused(files: Mapping[str, str], aicoe: str) -> Converted | None:
    try:
        return converted(files, aicoe)
    except UsageError:
        return None


def _dumped(value: object) -> str:

    text = io.StringIO()
    YAML(typ="safe").dump(value, text)
    return text.getvalue()
