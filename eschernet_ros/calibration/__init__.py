# SPDX-License-Identifier: Apache-2.0
"""Hand-eye calibration: where the camera is on the arm, or beside it, and how well that is known."""

from eschernet_ros.calibration.hand_eye import CalibrationInfo, FixedCamera, HandEye
from eschernet_ros.calibration.hand_eye_file import CalibrationFileError, read_calibration, read_hand_eye

__all__ = ["CalibrationFileError", "CalibrationInfo", "FixedCamera", "HandEye", "read_calibration", "read_hand_eye"]
