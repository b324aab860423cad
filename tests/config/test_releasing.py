"""Services and their releases in `seatrial.yaml`: what is meant, and what is refused with the line and the remedy."""

import pytest

from seatrial.config.load import read_project
from seatrial.records import (
    Arm,
    JudgePolicy,
    Project,
    QualityPolicy,
    ReleaseSpec,
    ReleaseStep,
    SourceSpec,
    StepKind,
    Sticky,
    Threshold,
    UsageError,
)


def read(text: str) -> Project:
    """The project that this file means."""
    return read_project(text, where="seatrial.yaml", default_name="p")


def release(text: str) -> ReleaseSpec:
    """How the service of a file is released that says this under `release`."""
    return read(f"services: {{wine: {{release: {text}}}}}").releases["wine"]


def test_a_service_needs_no_more_than_a_name() -> None:
    """Model, replicas, split, time and margins have defaults."""
    project = read("services: {wine: {}}")
    (service,) = project.services
    assert ("wine", "wine", 2, 1, "/") == (
        service.name, service.model, service.replicas, service.canary_replicas, service.prefix,
    )  # fmt: skip
    assert ReleaseSpec() == project.releases["wine"]
    assert (ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),) == project.releases["wine"].steps


def test_steps_are_read_in_their_order_and_the_last_weight_is_decided() -> None:
    """A mirror, weights in tenths of a per cent, an approval."""
    expected = (
        ReleaseStep(kind=StepKind.MIRROR, share=1000, dwell=600.0),
        ReleaseStep(kind=StepKind.WEIGHT, share=1, dwell=60.0),
        ReleaseStep(kind=StepKind.WEIGHT, share=50, decided=True),
        ReleaseStep(kind=StepKind.APPROVAL),
        ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),
    )
    steps = "[{mirror: 100%, for: 10m}, {weight: 0.1%, for: 1m}, {weight: 5%, until: decided}, {approval: true}, {weight: 20%}]"
    assert expected == release(f"{{steps: {steps}}}").steps


def test_what_is_said_of_the_judge_is_its_policy() -> None:
    """Error rates, margins, model metrics, times."""
    policy = release(
        "{alpha: 0.005, beta: 0.1, margins: {latency_p99: 20%, errors: 0.5pp, latency_p90: off}, quality: {rmse: 2%},"
        " tolerance: 2%, warmup: 0, soak: 5m, dispersion: 2, split_margin: 10%}"
    ).policy
    expected = JudgePolicy(
        alpha=0.005,
        beta=0.1,
        margins={"latency_p50": 0.05, "latency_p90": None, "latency_p99": 0.2, "errors": 0.005},
        quality=(QualityPolicy(name="rmse", margin=0.02, root=True),),
        tolerance=0.02,
        warmup=0.0,
        soak=300.0,
        dispersion=2.0,
        split_margin=0.1,
        request_margin=0.1,
    )
    assert expected == policy


def test_thresholds_are_written_as_people_say_them() -> None:
    """A bare string is metric, sign and value; a question to Prometheus has parts."""
    given = release(
        "{source: {kind: prometheus, url: 'http://p:9090/', requests: r, latency: l}, thresholds: ['latency_mean_ms < 500',"
        " {query: 'sum(a)/sum(b)', below: 0.5, arm: stable, window: 1m, samples: 5, name: mean}]}"
    )
    expected = (
        Threshold(
            name="latency_mean_ms < 500", metric="latency_mean_ms", operator="<", value=500.0, url="http://p:9090"
        ),
        Threshold(
            name="mean", metric="mean", operator="<", value=0.5, arm=Arm.STABLE, seconds=60.0, samples=5,
            query="sum(a)/sum(b)", url="http://p:9090",
        ),
    )  # fmt: skip
    assert expected == given.thresholds
    assert SourceSpec(kind="prometheus", url="http://p:9090", requests="r", latency="l") == given.source


def test_stickiness_is_by_header_or_cookie() -> None:
    """Exactly one of the two."""
    project = read("services: {a: {prefix: /a, sticky: {header: x-user}}, b: {prefix: /b, sticky: {cookie: unit}}}")
    assert [Sticky(kind="header", name="x-user"), Sticky(kind="cookie", name="unit")] == [
        service.sticky for service in project.services
    ]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("the same requests as 'a'", "services: {a: {}, b: {}}"),
        ("the same requests as 'a'", "services: {a: {hosts: [X.org]}, b: {hosts: [y.org, x.org]}}"),
        ("only one of its arms", "services: {a: {stable: 'http://x'}}"),
        ("nothing can be judged", "services: {a: {release: {steps: [{mirror: 100%}]}}}"),
        ("nothing is left to compare", "services: {a: {release: {steps: [{weight: 100%}]}}}"),
        ("exactly one of mirror, weight and approval", "services: {a: {release: {steps: [{weight: 1%, approval: true}]}}}"),
        ("not a share", "services: {a: {release: {steps: [{weight: 120%}]}}}"),
        ("of the wrong kind", "services: {a: {release: {margins: {errors: 5%}}}}"),
        ("of the wrong kind", "services: {a: {release: {margins: {latency_p50: 5ms}}}}"),
        ("is not a threshold", "services: {a: {release: {thresholds: ['latency 5']}}}"),
        ("there is no figure 'latencies'", "services: {a: {release: {thresholds: ['latencies < 5']}}}"),
        ("no Prometheus is named", "services: {a: {release: {thresholds: [{query: up, above: 0}]}}}"),
        ("exactly one of metric and query", "services: {a: {release: {thresholds: [{below: 1}]}}}"),
        ("exactly one of below and above", "services: {a: {release: {thresholds: [{metric: error_rate}]}}}"),
        ("needs url, requests and latency", "services: {a: {release: {source: prometheus}}}"),
        ("exactly one of header and cookie", "services: {a: {sticky: {}}}"),
        ("did you mean 'release'", "services: {a: {relaese: {}}}"),
        ("did you mean 'warmup'", "services: {a: {release: {warmupp: 1}}}"),
        ("not a share of stable's", "services: {a: {release: {quality: {rmse: '0.1'}}}}"),
    ],
)  # fmt: skip
def test_what_can_not_work_is_refused(said: str, text: str) -> None:
    """With what is wrong, before anything is started."""
    with pytest.raises(UsageError, match=said):
        read(text)
