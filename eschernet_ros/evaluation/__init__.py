# SPDX-License-Identifier: Apache-2.0
"""Numbers and pictures that say how good a synthesis is and how long it took."""

from eschernet_ros.evaluation.baselines import mean_of_references, nearest_reference, two_view_warp
from eschernet_ros.evaluation.contact_sheet import SheetView, contact_sheet, save_contact_sheet
from eschernet_ros.evaluation.metrics import psnr, ssim, to_uint8
from eschernet_ros.evaluation.stage_timer import StageTime, StageTimer

__all__ = [
    "SheetView",
    "StageTime",
    "StageTimer",
    "contact_sheet",
    "mean_of_references",
    "nearest_reference",
    "psnr",
    "save_contact_sheet",
    "ssim",
    "to_uint8",
    "two_view_warp",
]
