"""Tests in a real browser, run by `make browser`: they need Chromium and the packages of requirements.lock here."""

import pytest

pytest.register_assert_rewrite("tests.browser.labs", "tests.browser.pictures", "tests.browser.visits")
