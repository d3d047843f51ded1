"""The values of settings that are one of a few."""

from trellis_assets.system.compat import StrEnum

LOCAL_NETWORK = "local"
FILE_NETWORK_PREFIX = "file:"
AUTO_ORIENTATION = "auto"
# As in bittensor's own table; a test compares the two.
CHAIN_ENDPOINTS = {
    "finney": "wss://entrypoint-finney.opentensor.ai:443",
    "test": "wss://test.finney.opentensor.ai:443",
    "archive": "wss://archive.chain.opentensor.ai:443",
    "latent-lite": "wss://lite.sub.latent.to:443",
}


class DuplicatePolicy(StrEnum):
    """What to do with a prompt that the same validator asked for within the window."""

    SKIP = "skip"
    REUSE = "reuse"


class GeneratorBackend(StrEnum):
    """What generates models."""

    EMBEDDED = "embedded"
    HTTP = "http"


class PictureDtype(StrEnum):
    """Number format that the picture model computes with."""

    AUTO = "auto"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class ValidatorBackend(StrEnum):
    """What validates models on this side."""

    EMBEDDED = "embedded"
    HTTP = "http"
    NEURAL = "neural"


class RunLauncherName(StrEnum):
    """What executes Dagster's runs: workers of this machine, or Celery's."""

    WARM = "warm"
    CELERY = "celery"
