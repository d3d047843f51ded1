"""Links to our pages name an address that a browser on another machine can use."""

import socket

import pytest

from trellis_assets.settings import Settings


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:3001"),
        ({"gallery_host": "10.0.0.7", "gallery_port": 9}, "http://10.0.0.7:9"),
        ({"gallery_host": "0.0.0.0"}, f"http://{socket.gethostname()}:3001"),
        ({"gallery_host": "fd00::7"}, "http://[fd00::7]:3001"),
        ({"gallery_host": "0.0.0.0", "gallery_url": "https://models.example/"}, "https://models.example"),
    ],
)
def test_links_to_the_gallery_name_where_it_is_bound(given: dict[str, object], address: str) -> None:
    assert Settings.load(**given).servers.gallery_address == address


def test_links_to_the_dagster_ui_name_where_it_is_bound() -> None:
    settings = Settings.load(webserver_host="0.0.0.0")
    assert settings.servers.webserver_address == f"http://{socket.gethostname()}:3000"
