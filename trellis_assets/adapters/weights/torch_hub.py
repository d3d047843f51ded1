"""Let torch.hub load pinned code and recorded files only, while a library loads its models through it.

TRELLIS's image pipeline calls `torch.hub.load("facebookresearch/dinov2", …)`: the newest code of a GitHub
repository, and a pickle of weights beside it. Neither names a version, and TRELLIS takes no argument for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

from trellis_assets.adapters.weights.revisions import PINNED_CODE, Revisions

# The functions of torch.hub are replaced for the whole process.
_LOCK = RLock()


class UnpinnedCodeError(ValueError):
    """A library wants to run code of a repository that is not pinned here."""


@contextmanager
def pinned_torch_hub(revisions: Revisions, code: Mapping[str, str] = PINNED_CODE) -> Iterator[None]:
    """Pin what is loaded by `torch.hub.load` and `torch.hub.load_state_dict_from_url` within the block.

    Code comes at its pinned commit; once downloaded it is found without the network. Files are compared with
    the SHA-256 of their first download, and read as tensors only, so that no pickle runs.

    Args:
        revisions: records the files.
        code: commits by GitHub repository.
    """
    import torch

    hub: Any = torch.hub

    def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
        if source != "github":
            return real_load(repo_or_dir, model, *args, source=source, **kwargs)
        repository = repo_or_dir.partition(":")[0]
        if repository not in code:
            raise UnpinnedCodeError(f"the code of {repository} on GitHub is not pinned: it is not run")
        # torch looks for the commit among the tips of branches only, unless it is told not to.
        pinned = {"skip_validation": True, "trust_repo": True}
        return real_load(f"{repository}:{code[repository]}", model, *args, **(kwargs | pinned))

    def load_state_dict(url: str, *_: object, map_location: Any = None, **__: object) -> Any:
        return torch.load(hub_file(url, revisions), map_location=map_location, weights_only=True)

    with _LOCK:
        real_load, real_state = hub.load, hub.load_state_dict_from_url
        hub.load, hub.load_state_dict_from_url = load, load_state_dict
        try:
            yield
        finally:
            hub.load, hub.load_state_dict_from_url = real_load, real_state


def hub_file(url: str, revisions: Revisions) -> Path:
    """Return the file of the URL in torch.hub's folder, downloaded if it is not there, and checked.

    Raises:
        ChangedFileError: its bytes are not those of the first download.
        OSError: it cannot be downloaded.
    """
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=False)
    revisions.check_file(url, path)
    return path
