"""What a browser calls itself, in two words of our own lists."""

from __future__ import annotations

import pytest

from broker.web.software import name_software

KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox, Android"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/150.0 Safari/537.36", "Chrome, Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {KHTML} Chrome/150.0 Safari/537.36 Edg/150.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari, iPhone"),
        (f"Mozilla/5.0 (Linux; Android 14) {KHTML} SamsungBrowser/28.0 Chrome/130.0", "Samsung Internet, Android"),
        (f"Mozilla/5.0 (X11; CrOS x86_64) {KHTML} Chrome/150.0", "Chrome, Chromebook"),
        ("curl/8.0 (Linux)", "Linux"),
        ("", ""),
        ("<script>alert(1)</script>", ""),
        ("x" * 600 + "Firefox", ""),
    ],
)
def test_a_browser_is_named_by_our_own_words_alone(told: str, named: str) -> None:
    assert name_software(told) == named
