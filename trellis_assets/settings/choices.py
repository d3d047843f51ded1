"""What a setting can be one of."""

from trellis_assets.system.compat import StrEnum

LOCAL_NETWORK = "local"
FILE_NETWORK_PREFIX = "file:"
AUTO_ORIENTATION = "auto"
# As the SDK's own table has them; a test compares the two.
CHAIN_ENDPOINTS = {
    "finney": "wss://entrypoint-finney.opentensor.ai:443",
    "test": "wss://test.finney.opentensor.ai:443",
    "archive": "wss://archive.chain.opentensor.ai:443",
    "latent-lite": "wss://lite.sub.latent.to:443",
}


class DuplicatePolicy(StrEnum):
    """What happens to a prompt that the same validator asked for within the window."""

    SKIP = "skip"
    REUSE = "reuse"


class GeneratorBackend(StrEnum):
    """Where models come from."""

    EMBEDDED = "embedded"
    HTTP = "http"


class PictureDtype(StrEnum):
    """Numbers that the picture model computes with."""

    AUTO = "auto"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class ValidatorBackend(StrEnum):
    """Who judges models locally."""

    EMBEDDED = "embedded"
    HTTP = "http"
    NEURAL = "neural"


class RunLauncherName(StrEnum):
    """Where Dagster's runs execute."""

    WARM = "warm"
    CELERY = "celery"
