"""Tests in a real browser, run by `make browser`: they need Chromium and the packages of requirements.lock here."""
