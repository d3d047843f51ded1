"""Health check of the proxies that the environment names."""

import os
from urllib.parse import urlsplit

from trellis_assets.diagnostics.machine_checks import CheckContext
from trellis_assets.domain.diagnostics import CheckResult, Health
from trellis_assets.settings import GeneratorBackend, Settings, ValidatorBackend
from trellis_assets.system.proxies import proxies_in, proxy_for


def check_proxies(context: CheckContext) -> list[CheckResult]:
    """Return which services are called through a proxy; nothing where no proxy is set."""
    proxies = proxies_in(os.environ)
    if not proxies:
        return []
    named = ", ".join(f"{name}={place}" for name, place in sorted(proxies.items()))
    remote = sorted({_host(url) for url in _services(context.settings) if proxy_for(url) is not None})
    if not remote:
        return [CheckResult("proxy", Health.OK, f"{named}; calls within this machine do not use it")]
    hosts = ", ".join(remote)
    advice = f"if the proxy does not reach them: no_proxy={','.join(remote)}"
    return [CheckResult("proxy", Health.WARNING, f"{named}; calls to {hosts} use it", advice)]


def _services(settings: Settings) -> list[str]:
    """Return the URLs that the miner calls while it mines."""
    urls: list[str] = []
    if settings.generation.generator is GeneratorBackend.HTTP:
        urls += settings.generation.generator_urls
    if settings.validation.validator is ValidatorBackend.HTTP:
        urls.append(settings.validation.validator_url)
    return urls


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
