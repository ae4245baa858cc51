from cloud_sync.dashboard.refusals import refusal_page
from cloud_sync.dashboard.routes import dashboard_templates
from edge_contract.errors import UnavailableError, UsageError


def test_a_page_that_waiting_helps_asks_again_by_itself() -> None:
    page = refusal_page(dashboard_templates(), UnavailableError("the database is busy"))

    text = bytes(page.body).decode()
    assert page.status_code == 503
    assert page.headers["refresh"] == "3"
    assert "the database is busy" in text
    assert "tries again by itself" in text


def test_a_page_that_waiting_does_not_help_leads_back() -> None:
    page = refusal_page(dashboard_templates(), UsageError("no device is in segment 'site=nice'"))

    text = bytes(page.body).decode()
    assert page.status_code == 409
    assert "refresh" not in page.headers
    assert "This cannot be shown" in text
    assert 'href="/"' in text
