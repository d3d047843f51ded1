"""Files of Hugging Face repositories, each at one commit."""

from pathlib import Path

from trellis_assets.adapters.weights.revisions import Revisions

# What a transformers model and its tokenizer are read from. No pickles, and no code.
TRANSFORMERS_FILES = ("*.json", "*.txt", "*.safetensors")


def is_local(name: str) -> bool:
    """Return whether the name is a folder on this machine rather than a repository on the hub."""
    return Path(name).expanduser().is_dir()


def fetch_file(repository: str, name: str, commit: str) -> Path:
    """Return the path of a file at the commit; the network is used only for its first download.

    Raises:
        OSError: the hub does not answer, or has no such repository, commit or file.
    """
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repository, name, revision=commit))


def fetch_transformers_model(repository: str, commit: str) -> Path:
    """Return the folder of a transformers model at the commit, with its configuration and tokenizer.

    Raises:
        OSError: as `fetch_file`.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repository, revision=commit, allow_patterns=list(TRANSFORMERS_FILES)))


def loadable(model: str, revision: str | None, revisions: Revisions) -> tuple[str, str | None]:
    """Return what `from_pretrained` takes: a folder and None, or a repository and its commit.

    Raises:
        OSError, ValueError: as `Revisions.commit`.
    """
    return (model, None) if is_local(model) else (model, revisions.commit(model, revision))
