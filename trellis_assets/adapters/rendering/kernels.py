# numba infers these types, and mypy knows none of them.
# mypy: ignore-errors
"""The CPU renderer's inner loops, compiled by numba and cached on disk beside this file.

One pass over the splats from front to back, each spread over its own pixels: nothing is sorted into
tiles, and a splat that lands where the picture is opaque already costs one look. Each splat is one
64-byte record, so that taking them in depth order costs one cache line each.
"""

import numpy as np
from numba import njit

from trellis_assets.domain.splats.splats import SH_C0


def _can_cache() -> bool:
    """Return whether compiled code can be kept on disk: beside this file, or in the user's cache folder.

    Where neither can be written, as in a read-only image without a home, every process compiles anew.
    """
    try:
        njit(cache=True)(_can_cache)
    except RuntimeError:
        return False
    return True


_CACHE = _can_cache()

# As gsplat, which the validators render with: blur of a pixel added to the projected covariance,
# least opacity that counts, most that a splat may have, transmittance at which a pixel is done.
DILATION = np.float32(0.3)
MIN_ALPHA = np.float32(1 / 255)
MAX_ALPHA = np.float32(0.999)
DONE = np.float32(1e-4)
# Standard deviations beyond which even an opaque splat is below MIN_ALPHA.
_REACH = np.float32(3.33)
_KEY_BITS = 11
_BUCKETS = 1 << _KEY_BITS
_LOWER = _BUCKETS - 1
# Pixels are grouped in squares of this side to see quickly where the picture is opaque.
BLOCK_SHIFT = 3
# So many pixels, as a power of two, that are looked at by blocks cost as much as one that is visited.
_LOOK_SHIFT = 8
RECORD = 16
_C1 = np.float32(0.4886025119029199)
_C2 = (
    np.float32(1.0925484305920792),
    np.float32(-1.0925484305920792),
    np.float32(0.31539156525252005),
    np.float32(-1.0925484305920792),
    np.float32(0.5462742152960396),
)
_C3 = (
    np.float32(-0.5900435899266435),
    np.float32(2.890611442640554),
    np.float32(-0.4570457994644658),
    np.float32(0.3731763325901154),
    np.float32(-0.4570457994644658),
    np.float32(1.445305721320277),
    np.float32(-0.5900435899266435),
)
_C0 = np.float32(SH_C0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy")
def pack(positions, scales, rotations, opacities, sh):  # noqa: ANN001, ANN201
    """Return (N, 16) records of a scene's splats.

    Position 0-2, covariance xx xy xz yy yz zz 3-8, opacity o 9, colour 10-12, 2 ln(255 o) 13, largest
    standard deviation 14.
    """
    n = len(positions)
    records = np.empty((n, RECORD), np.float32)
    for i in range(n):
        w, x, y, z = rotations[i, 0], rotations[i, 1], rotations[i, 2], rotations[i, 3]
        sx, sy, sz = scales[i, 0] ** 2, scales[i, 1] ** 2, scales[i, 2] ** 2
        r00 = _ONE - _TWO * (y * y + z * z)
        r01 = _TWO * (x * y - w * z)
        r02 = _TWO * (x * z + w * y)
        r10 = _TWO * (x * y + w * z)
        r11 = _ONE - _TWO * (x * x + z * z)
        r12 = _TWO * (y * z - w * x)
        r20 = _TWO * (x * z - w * y)
        r21 = _TWO * (y * z + w * x)
        r22 = _ONE - _TWO * (x * x + y * y)
        record = records[i]
        record[0], record[1], record[2] = positions[i, 0], positions[i, 1], positions[i, 2]
        record[3] = r00 * r00 * sx + r01 * r01 * sy + r02 * r02 * sz
        record[4] = r00 * r10 * sx + r01 * r11 * sy + r02 * r12 * sz
        record[5] = r00 * r20 * sx + r01 * r21 * sy + r02 * r22 * sz
        record[6] = r10 * r10 * sx + r11 * r11 * sy + r12 * r12 * sz
        record[7] = r10 * r20 * sx + r11 * r21 * sy + r12 * r22 * sz
        record[8] = r20 * r20 * sx + r21 * r21 * sy + r22 * r22 * sz
        record[9] = opacities[i]
        record[10] = _HALF + _C0 * sh[i, 0, 0]
        record[11] = _HALF + _C0 * sh[i, 0, 1]
        record[12] = _HALF + _C0 * sh[i, 0, 2]
        record[14] = np.sqrt(max(sx, sy, sz))
        record[13] = _TWO * np.log(max(opacities[i] * np.float32(255.0), np.float32(1e-6)))
    return records


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy")
def depth_order(records, rotation, translation, near, far):  # noqa: ANN001, ANN201
    """Return the indices of visible splats between near and far, nearest first (radix sort, 22 bits)."""
    n = len(records)
    depths = np.empty(n, np.float32)
    kept = np.empty(n, np.int32)
    count = 0
    low, high = np.float32(np.inf), np.float32(-np.inf)
    a, b, c, t = rotation[2, 0], rotation[2, 1], rotation[2, 2], translation[2]
    for i in range(n):
        depth = a * records[i, 0] + b * records[i, 1] + c * records[i, 2] + t
        if depth >= near and depth <= far and records[i, 9] >= MIN_ALPHA:
            depths[count] = depth
            kept[count] = i
            count += 1
            low = min(low, depth)
            high = max(high, depth)
    keys = np.empty(count, np.int32)
    span = max(high - low, np.float32(1e-12))
    factor = np.float32((_BUCKETS * _BUCKETS - 1) / span)
    first = np.zeros(_BUCKETS + 1, np.int32)
    second = np.zeros(_BUCKETS + 1, np.int32)
    for i in range(count):
        key = min(np.int32((depths[i] - low) * factor), _BUCKETS * _BUCKETS - 1)
        keys[i] = key
        first[(key & _LOWER) + 1] += 1
        second[(key >> _KEY_BITS) + 1] += 1
    for bucket in range(_BUCKETS):
        first[bucket + 1] += first[bucket]
        second[bucket + 1] += second[bucket]
    middle = np.empty(count, np.int32)
    for i in range(count):
        bucket = keys[i] & _LOWER
        middle[first[bucket]] = i
        first[bucket] += 1
    order = np.empty(count, np.int32)
    for j in range(count):
        i = middle[j]
        bucket = keys[i] >> _KEY_BITS
        order[second[bucket]] = kept[i]
        second[bucket] += 1
    return order


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _exp(x):  # noqa: ANN001, ANN202
    """Return e**x for -20 < x <= 0, to 3e-6: a power of two by its exponent bits times a polynomial."""
    y = x * np.float32(1.4426950408889634)
    whole = np.floor(y)
    f = y - whole
    p = np.float32(1.8775767e-3)
    p = p * f + np.float32(8.9893397e-3)
    p = p * f + np.float32(5.5826318e-2)
    p = p * f + np.float32(2.4015361e-1)
    p = p * f + np.float32(6.9315308e-1)
    p = p * f + np.float32(9.9999994e-1)
    return p * np.int32((np.int32(whole) + 127) << 23).view(np.float32)


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy")
def _harmonics(sh, x, y, z, channel):  # noqa: ANN001, ANN202
    """Return the colour of one channel along the unit direction, before clipping; sh is (1 + K, 3)."""
    value = _HALF + _C0 * sh[0, channel]
    if len(sh) > 1:
        value += _C1 * (-y * sh[1, channel] + z * sh[2, channel] - x * sh[3, channel])
    if len(sh) > 4:  # noqa: PLR2004 - degree 2 begins
        xx, yy, zz = x * x, y * y, z * z
        value += _C2[0] * x * y * sh[4, channel] + _C2[1] * y * z * sh[5, channel]
        value += _C2[2] * (_TWO * zz - xx - yy) * sh[6, channel]
        value += _C2[3] * x * z * sh[7, channel] + _C2[4] * (xx - yy) * sh[8, channel]
        if len(sh) > 9:  # noqa: PLR2004 - degree 3 begins
            four, three = np.float32(4), np.float32(3)
            value += _C3[0] * y * (three * xx - yy) * sh[9, channel] + _C3[1] * x * y * z * sh[10, channel]
            value += _C3[2] * y * (four * zz - xx - yy) * sh[11, channel]
            value += _C3[3] * z * (_TWO * zz - three * xx - three * yy) * sh[12, channel]
            value += _C3[4] * x * (four * zz - xx - yy) * sh[13, channel]
            value += _C3[5] * z * (xx - yy) * sh[14, channel]
            value += _C3[6] * x * (xx - three * yy) * sh[15, channel]
    return value


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _is_open(open_pixels, x0, x1, y0, y1):  # noqa: ANN001, ANN202
    """Return whether a block of pixels under the rectangle takes more colour; False outside the picture."""
    rows, columns = open_pixels.shape
    low, row_end, column_end = (
        np.float32(0),
        np.float32(rows * (1 << BLOCK_SHIFT) - 1),
        np.float32(columns * (1 << BLOCK_SHIFT) - 1),
    )
    if x1 < low or y1 < low or x0 > column_end or y0 > row_end:
        return False
    last_column = np.int32(min(x1, column_end)) >> BLOCK_SHIFT
    for row in range(np.int32(max(y0, low)) >> BLOCK_SHIFT, (np.int32(min(y1, row_end)) >> BLOCK_SHIFT) + 1):
        for column in range(np.int32(max(x0, low)) >> BLOCK_SHIFT, last_column + 1):
            if open_pixels[row, column] > 0:
                return True
    return False


@njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy")
def splat(records, sh, order, rotation, translation, position, focal, cx, cy, width, height, most):  # noqa: ANN001, ANN201, C901, PLR0912, PLR0915, PLR0917
    """Return (H, W, 4) float32 and the work done: colour without background and transmittance left.

    Splats are taken in `order`. The work counts pixels visited, a row as four and a look at 256 pixels
    as one; above `most` the picture is left as it is.

    EWA splatting: the covariance is projected by the Jacobian of the perspective at the centre
    (Zwicker et al. 2001), blended front to back.
    """
    picture = np.zeros((height, width, 4), np.float32)
    picture[:, :, 3] = _ONE
    block_rows, block_columns = (height >> BLOCK_SHIFT) + 1, (width >> BLOCK_SHIFT) + 1
    open_pixels = np.zeros((block_rows, block_columns), np.int32)
    for y in range(height):
        for x in range(width):
            open_pixels[y >> BLOCK_SHIFT, x >> BLOCK_SHIFT] += 1
    r00, r01, r02 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    r10, r11, r12 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    r20, r21, r22 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    # The Jacobian is taken no further outside the picture than 30 % of the field of view.
    wide, high = np.float32(width), np.float32(height)
    tan_x, tan_y = _HALF * wide / focal, _HALF * high / focal
    right = (wide - cx) / focal + np.float32(0.3) * tan_x
    left = cx / focal + np.float32(0.3) * tan_x
    bottom = (high - cy) / focal + np.float32(0.3) * tan_y
    top = cy / focal + np.float32(0.3) * tan_y
    # How much longer than at the picture's centre a length may appear at its edge.
    spread = np.sqrt(_ONE + max(left, right) * max(left, right) + max(top, bottom) * max(top, bottom))
    has_harmonics = sh.shape[1] > 1
    work = np.int64(0)
    for index in order:
        if work > most:
            break
        record = records[index]
        px, py, pz = record[0], record[1], record[2]
        x = r00 * px + r01 * py + r02 * pz + translation[0]
        y = r10 * px + r11 * py + r12 * pz + translation[1]
        z = r20 * px + r21 * py + r22 * pz + translation[2]
        inverse = _ONE / z
        u, v = focal * x * inverse + cx, focal * y * inverse + cy
        xx, xy, xz, yy, yz, zz = record[3], record[4], record[5], record[6], record[7], record[8]
        # A square that surely holds the splat: nothing to do where all of it is opaque already.
        bound = _REACH * (spread * focal * inverse * record[14] + np.float32(0.55)) + _HALF
        work += np.int64(min(_TWO * bound, wide) * min(_TWO * bound, high)) >> _LOOK_SHIFT
        if not _is_open(open_pixels, u - bound, u + bound, v - bound, v + bound):
            continue
        # Jacobian of the projection times the camera's rotation: two rows of three.
        slope_x = min(right, max(-left, x * inverse))
        slope_y = min(bottom, max(-top, y * inverse))
        scale = focal * inverse
        a0, a1, a2 = (
            scale * (r00 - slope_x * r20),
            scale * (r01 - slope_x * r21),
            scale * (r02 - slope_x * r22),
        )
        b0, b1, b2 = (
            scale * (r10 - slope_y * r20),
            scale * (r11 - slope_y * r21),
            scale * (r12 - slope_y * r22),
        )
        h0, h1, h2 = (
            a0 * xx + a1 * xy + a2 * xz,
            a0 * xy + a1 * yy + a2 * yz,
            a0 * xz + a1 * yz + a2 * zz,
        )
        cov_xx = h0 * a0 + h1 * a1 + h2 * a2 + DILATION
        cov_xy = h0 * b0 + h1 * b1 + h2 * b2
        cov_yy = (
            b0 * (b0 * xx + b1 * xy + b2 * xz)
            + b1 * (b0 * xy + b1 * yy + b2 * yz)
            + b2 * (b0 * xz + b1 * yz + b2 * zz)
            + DILATION
        )
        determinant = cov_xx * cov_yy - cov_xy * cov_xy
        if not determinant > 0:
            continue
        opacity = record[9]
        level = min(record[13], _REACH * _REACH)
        reach_y = np.sqrt(level * cov_yy)
        reach_x = np.sqrt(level * cov_xx)
        # Huge splats would overflow the integers below; they cover the picture all the same.
        y0 = np.int32(max(np.float32(0), np.ceil(v - reach_y - _HALF)))
        y1 = np.int32(min(high - _ONE, np.floor(v + reach_y - _HALF)))
        left_most = max(np.float32(0), np.ceil(u - reach_x - _HALF))
        right_most = min(wide - _ONE, np.floor(u + reach_x - _HALF))
        if y1 < y0 or right_most < left_most:
            continue
        red, green, blue = record[10], record[11], record[12]
        if has_harmonics:
            dx, dy, dz = px - position[0], py - position[1], pz - position[2]
            length = _ONE / np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx * length, dy * length, dz * length
            red = max(np.float32(0), _harmonics(sh[index], dx, dy, dz, 0))
            green = max(np.float32(0), _harmonics(sh[index], dx, dy, dz, 1))
            blue = max(np.float32(0), _harmonics(sh[index], dx, dy, dz, 2))
        # The exponent along a row is a parabola about the row's middle: each row has its own span.
        conic_a = cov_yy / determinant
        lean = -cov_xy / cov_yy
        rest = _ONE / cov_yy
        for row in range(y0, y1 + 1):
            dy = np.float32(row) + _HALF - v
            inside = level - rest * dy * dy
            if inside < 0:
                continue
            half = np.sqrt(inside / conic_a)
            middle = u - lean * dy - _HALF
            x0 = np.int32(max(left_most, np.ceil(middle - half)))
            x1 = np.int32(min(right_most, np.floor(middle + half)))
            base = _HALF * rest * dy * dy
            work += max(np.int64(0), np.int64(x1) - x0 + 1) + 4
            for column in range(x0, x1 + 1):
                left_over = picture[row, column, 3]
                if left_over <= 0:
                    continue
                off = np.float32(column) - middle
                alpha = min(MAX_ALPHA, opacity * _exp(-(_HALF * conic_a * off * off + base)))
                if alpha < MIN_ALPHA:
                    continue
                after = left_over * (_ONE - alpha)
                if after <= DONE:
                    # Done without this one, as gsplat does; the sign says so.
                    picture[row, column, 3] = -left_over
                    open_pixels[row >> BLOCK_SHIFT, column >> BLOCK_SHIFT] -= 1
                    continue
                weight = alpha * left_over
                picture[row, column, 0] += weight * red
                picture[row, column, 1] += weight * green
                picture[row, column, 2] += weight * blue
                picture[row, column, 3] = after
    for row in range(height):
        for column in range(width):
            picture[row, column, 3] = abs(picture[row, column, 3])
    return picture, work
