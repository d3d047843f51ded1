"""Where pictures are taken from: pinhole cameras on a circle about the model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The validators' cameras (PROTOCOL 6.3).
VALIDATOR_VIEWS = 16
VALIDATOR_SIZE = 518
OLD_VALIDATOR_SIZE = 224
VALIDATOR_ELEVATION = -15.0
RADIUS = 2.5
FOV_Y = 49.1
NEAR, FAR = 0.01, 100.0
PREVIEW_SIZE = 512
PREVIEW_AZIMUTH, PREVIEW_ELEVATION = 25.0, -10.0


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera with square pixels; a pixel's centre lies at +0.5.

    Attributes:
        rotation: (3, 3), world to camera; the camera's axes are x right, y down, z forward.
        position: (3,), in world units.
        focal: in pixels.
        width: in pixels.
        height: in pixels.
    """

    rotation: Array
    position: Array
    focal: float
    width: int
    height: int

    @property
    def principal_point(self) -> tuple[float, float]:
        """Return where the optical axis meets the picture, (x, y) in pixels."""
        return self.width // 2, self.height // 2

    @property
    def view_matrix(self) -> Array:
        """Return the (4, 4) matrix from world to camera, for column vectors."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = -self.rotation @ self.position
        return matrix

    @property
    def intrinsics(self) -> Array:
        """Return the (3, 3) matrix from camera to pixels."""
        x, y = self.principal_point
        return np.array([[self.focal, 0, x], [0, self.focal, y], [0, 0, 1]], np.float64)


def orbit_camera(
    azimuth: float, elevation: float, size: int, *, radius: float = RADIUS, fov_y: float = FOV_Y
) -> Camera:
    """Return a camera that looks at the origin, +Y up (PROTOCOL 6.3).

    Args:
        azimuth: degrees; 0 looks from +Z, 90 from +X.
        elevation: degrees; negative values look down from above.
        size: side of the picture in pixels.
        radius: distance from the origin.
        fov_y: vertical field of view in degrees.
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    position = radius * np.array([np.cos(e) * np.sin(a), -np.sin(e), np.cos(e) * np.cos(a)])
    forward = -position / np.linalg.norm(position)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return Camera(rotation, position, size / (2 * np.tan(np.radians(fov_y) / 2)), size, size)


def validator_cameras(size: int = VALIDATOR_SIZE) -> list[Camera]:
    """Return the 16 views that validators score; the first and the last coincide, as theirs do."""
    azimuths = np.linspace(0, 360, VALIDATOR_VIEWS)
    return [orbit_camera(float(azimuth), VALIDATOR_ELEVATION, size) for azimuth in azimuths]


def preview_camera(size: int = PREVIEW_SIZE) -> Camera:
    """Return the view of previews."""
    return orbit_camera(PREVIEW_AZIMUTH, PREVIEW_ELEVATION, size)
