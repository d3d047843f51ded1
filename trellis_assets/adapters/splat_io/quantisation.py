"""The numbers of SPZ: each attribute as bytes and back (PROTOCOL 8.2).

All arithmetic is float32, as in the reference encoder. Payloads come out equal to its but for rare
values on the border between two steps, which differ by one step (libraries round `exp` differently).
"""

import numpy as np
from numpy.typing import NDArray

from trellis_assets.domain.splats.splats import FloatArray

Bytes = NDArray[np.uint8]

COLOUR_SCALE = np.float32(0.15)
_LOG_SCALE_OFFSET = np.float32(10.0)
_LOG_SCALE_STEPS = np.float32(16.0)
_SH_DEGREE_1_COEFFICIENTS = 3
_SH_BUCKETS = (8, 16)  # 5 bits for degree 1, 4 bits for degrees 2 and 3

_BYTE = np.arange(256, dtype=np.float32)
with np.errstate(divide="ignore"):
    # 0 and 255 decode to -inf and +inf: fully transparent and fully opaque.
    _LOGIT_OF_BYTE = np.log((_BYTE / 255) / (1 - _BYTE / 255)).astype(np.float32)
_COLOUR_OF_BYTE = ((_BYTE / 255 - np.float32(0.5)) / COLOUR_SCALE).astype(np.float32)
_LOG_SCALE_OF_BYTE = _BYTE / _LOG_SCALE_STEPS - _LOG_SCALE_OFFSET
_AXIS_OF_BYTE = (_BYTE * np.float32(1 / 127.5) - 1).astype(np.float32)
_SH_OF_BYTE = (_BYTE - 128) / np.float32(128)


def round_half_away(values: FloatArray) -> FloatArray:
    """Return the nearest integers, halves away from zero, as C's `round`: -2.5 is -3 (numpy: -2)."""
    whole = np.trunc(values)
    return whole + np.copysign(np.abs(values - whole) >= 0.5, values)  # noqa: PLR2004 - the half


def _to_bytes(values: FloatArray) -> Bytes:
    # Clamped first, so that values beyond float32 take no part in the rounding.
    return round_half_away(np.clip(values, 0, 255)).astype(np.uint8)


def encode_positions(positions: FloatArray, fractional_bits: int) -> Bytes:
    """Return (N, 9) bytes of (N, 3) model units: three signed 24-bit little-endian fixed-point numbers.

    The caller sees to it that all values fit into 24 bits.
    """
    fixed = round_half_away(positions * np.float32(1 << fractional_bits)).astype("<i4")
    return fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].reshape(-1, 9)


def decode_positions(data: Bytes, fractional_bits: int) -> FloatArray:
    """Return (N, 3) model units of (9 N,) bytes."""
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    # The three bytes go to the top, so that the shift back down extends the sign.
    wide[:, 1:] = data.reshape(-1, 3)
    fixed = wide.view("<i4").reshape(-1, 3) >> 8
    return (fixed / np.float32(1 << fractional_bits)).astype(np.float32)


def encode_alphas(opacity_logits: FloatArray) -> Bytes:
    """Return (N,) bytes of (N,) logits, infinite ones included: 0 is 128."""
    opacities: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-opacity_logits))
    return _to_bytes(opacities * np.float32(255))


def decode_alphas(data: Bytes) -> FloatArray:
    """Return (N,) logits of (N,) bytes; 0 and 255 become -inf and +inf."""
    return _LOGIT_OF_BYTE[data]


def encode_colours(sh_dc: FloatArray) -> Bytes:
    """Return the bytes of constant SH coefficients, in the same shape; clamped to about +-3.33."""
    return _to_bytes(sh_dc * (COLOUR_SCALE * np.float32(255)) + np.float32(127.5))


def decode_colours(data: Bytes) -> FloatArray:
    """Return the constant SH coefficients of bytes, in the same shape."""
    return _COLOUR_OF_BYTE[data]


def encode_log_scales(log_scales: FloatArray) -> Bytes:
    """Return the bytes of natural logs of scales, in the same shape; clamped to -10..5.94."""
    return _to_bytes((log_scales + _LOG_SCALE_OFFSET) * _LOG_SCALE_STEPS)


def decode_log_scales(data: Bytes) -> FloatArray:
    """Return the natural logs of scales of bytes, in the same shape."""
    return _LOG_SCALE_OF_BYTE[data]


def encode_rotations(rotations: FloatArray, norms: FloatArray) -> Bytes:
    """Return (N, 3) bytes of x, y, z, w >= 0, of (N, 4) quaternions wxyz and their (N,) norms, none 0."""
    half = np.where(rotations[:, :1] < 0, np.float32(-127.5), np.float32(127.5))
    return _to_bytes(rotations[:, 1:] / norms[:, None] * half + np.float32(127.5))


def decode_rotations(data: Bytes) -> FloatArray:
    """Return (N, 4) quaternions wxyz, w >= 0, of (N, 3) bytes."""
    xyz = _AXIS_OF_BYTE[data]
    w = np.sqrt(np.maximum(0, 1 - (xyz * xyz).sum(axis=1)))
    return np.column_stack([w, xyz]).astype(np.float32)


def decode_smallest_three_rotations(data: Bytes) -> FloatArray:
    """Return the (N, 4) unit quaternions wxyz of (N, 4) bytes, as SPZ stores them since version 3.

    Each is a little-endian number of 32 bits: the index (of x, y, z, w) of the largest component on the
    top 2 bits, then the other three in order, 10 bits each: a sign and 9 bits of |value| / sqrt(1/2).

    Example: 0xC0000000 names w as the largest and zeros for the others: (1, 0, 0, 0).
    """
    packed = np.ascontiguousarray(data).view("<u4").reshape(-1)
    largest = (packed >> 30).astype(np.intp)
    small = np.stack([packed >> 20, packed >> 10, packed], axis=1)
    magnitude = (small & 0x1FF).astype(np.float32) * np.float32(np.sqrt(0.5) / 0x1FF)
    values = np.where(small & 0x200, -magnitude, magnitude)
    xyzw = np.empty((len(packed), 4), np.float32)
    others = np.arange(4)[None, :] != largest[:, None]
    xyzw[others] = values.reshape(-1)
    rest = np.maximum(0, 1 - (values * values).sum(axis=1))
    xyzw[np.arange(len(packed)), largest] = np.sqrt(rest)
    return xyzw[:, [3, 0, 1, 2]]


def encode_sh(sh_rest: FloatArray) -> Bytes:
    """Return the bytes of (N, K, 3) coefficients, in the same shape and in buckets of 8 and 16 steps."""
    # Clamped before the cast: far values would overflow the integer, and end at 0 or 255 anyway.
    steps = round_half_away(np.clip(sh_rest, -4, 4) * np.float32(128)).astype(np.int32) + 128
    low, high = steps[:, :_SH_DEGREE_1_COEFFICIENTS], steps[:, _SH_DEGREE_1_COEFFICIENTS:]
    bucketed = [(part + b // 2) // b * b for part, b in zip((low, high), _SH_BUCKETS, strict=True)]
    return np.clip(np.concatenate(bucketed, axis=1), 0, 255).astype(np.uint8)


def decode_sh(data: Bytes) -> FloatArray:
    """Return the coefficients of bytes, in the same shape."""
    return _SH_OF_BYTE[data]
