"""Where a CI run is found, as the CI systems tell it."""

import pytest

from seatrial.forge.link import ci_run_url

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "cellar/wine",
    "GITHUB_RUN_ID": "77",
}
AZURE = {
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/cellar/",
    "SYSTEM_TEAMPROJECT": "red wine",
    "BUILD_BUILDID": "5",
}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        (GITHUB, "https://github.com/cellar/wine/actions/runs/77"),
        (AZURE, "https://dev.azure.com/cellar/red%20wine/_build/results?buildId=5"),
        ({"CI_JOB_URL": "https://gitlab.com/cellar/wine/-/jobs/9"}, "https://gitlab.com/cellar/wine/-/jobs/9"),
        ({"BUILD_URL": "https://jenkins/job/wine/3/"}, "https://jenkins/job/wine/3/"),
        ({}, ""),
        ({"GITHUB_SERVER_URL": "https://github.com"}, ""),
    ],
)
def test_each_ci_says_where_its_run_is(environ: dict[str, str], url: str) -> None:
    """GitHub, Azure, GitLab and Jenkins; nothing outside CI, and nothing from half of it."""
    assert url == ci_run_url(environ)


def test_a_login_in_the_address_is_not_shown() -> None:
    """It becomes a tag and part of notices."""
    assert "https://****@jenkins/job/3/" == ci_run_url({"BUILD_URL": "https://ada:secret@jenkins/job/3/"})
