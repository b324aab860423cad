"""Read a deployment's own `/metrics`, if it has one, so that its figures are kept with the run."""

import math

import httpx

PATH = "/metrics"
LARGEST = 1 << 20
MOST_SAMPLES = 2000


def scrape(url: str, http: httpx.Client) -> dict[str, float]:
    """The last value of every sample in the Prometheus text format, by name with labels; empty if there is none.

    Never raises for what the deployment answers: a page that isn't metrics is no metrics.
    """
    try:
        with http.stream("GET", url + PATH, timeout=5.0) as answer:
            if answer.status_code != httpx.codes.OK or "html" in answer.headers.get("content-type", ""):
                return {}
            text = _bounded(answer)
    except httpx.HTTPError:
        return {}
    return parse(text)


def _bounded(answer: httpx.Response) -> str:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            return ""
    return b"".join(parts).decode(errors="replace")


def parse(text: str) -> dict[str, float]:
    """Samples of the Prometheus text format; empty where it isn't one."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - only if something answered

    found: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
                if math.isfinite(sample.value) and len(found) < MOST_SAMPLES:
                    found[f"{sample.name}{{{labels}}}" if labels else sample.name] = float(sample.value)
    except (ValueError, KeyError, IndexError):
        return {}
    return found
