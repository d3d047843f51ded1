"""A runtime's metadata (V15): which calls it has, and the encoding of their answers."""

from functools import cache
from pathlib import Path
from typing import Any

from async_substrate_interface import sync_substrate
from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset

# `state_call Metadata_metadata_at_version(15)` of finney, as hex; never a part of this project.
SAMPLE = Path("chain") / "finney_metadata_v15.txt"
_LISTING_CALLS = (
    b"get_selective_metagraph",
    b"get_selective_mechagraph",
    b"get_metagraph",
    b"get_mechagraph",
)
_OLD_CALL = b"get_neurons_lite"


class RuntimeMetadata:
    """The metadata as a node sends it, and an encoder by its types."""

    def __init__(self, option: bytes) -> None:
        """Decode the metadata.

        Args:
            option: SCALE bytes of `Option<OpaqueMetadata>`.
        """
        self.option = option
        self._types = RuntimeConfigurationObject(ss58_format=42, implements_scale_info=True)
        self._types.clear_type_registry()
        self._types.update_type_registry(load_type_registry_preset(name="core") or {})
        opaque = sync_substrate._decode_option_opaque_metadata(option)  # noqa: SLF001 - the SDK's own way
        decoded = sync_substrate._decode_v15_metadata(opaque, runtime_config=self._types)  # noqa: SLF001
        self._types.add_portable_registry(decoded)
        content = decoded.get_metadata().value_object[1].value
        self._definitions = {entry["id"]: entry["type"] for entry in content["types"]["types"]}
        self._outputs = {
            f"{api['name']}_{method['name']}": int(method["output"])
            for api in content["apis"]
            for method in api["methods"]
        }

    def optional_struct(self, call: str, fields: dict[str, Any] | None) -> bytes:
        """Return the answer of a call that gives `Option<struct>`; fields that are not given are None."""
        output = self._outputs[call]
        value: dict[str, Any] | None = None
        if fields is not None:
            some = next(
                variant
                for variant in self._definitions[output]["def"]["variant"]["variants"]
                if variant["name"] == "Some"
            )
            struct = self._definitions[some["fields"][0]["type"]]["def"]["composite"]["fields"]
            value = dict.fromkeys(field["name"] for field in struct) | fields
        return bytes(self._types.create_scale_object(f"scale_info::{output}").encode(value).data)


@cache
def read_metadata(file: Path) -> RuntimeMetadata:
    """Return the metadata that the file holds as hex; decoding takes a second, and is done once."""
    return RuntimeMetadata(bytes.fromhex(file.read_text().strip().removeprefix("0x")))


def without_listing_calls(option: bytes, *, keeps_neurons_lite: bool = False) -> bytes:
    """Return the metadata of a runtime that has no call which lists a subnet: those have other names.

    Args:
        option: the metadata, as the runtime encodes it.
        keeps_neurons_lite: leave the call that older runtimes have.
    """
    for name in _LISTING_CALLS if keeps_neurons_lite else (*_LISTING_CALLS, _OLD_CALL):
        option = option.replace(name, b"x" * len(name))
    return option
