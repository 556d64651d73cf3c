# SPDX-License-Identifier: Apache-2.0
"""Profiles are read as realsense-ros writes them, and a slow port is named with what it costs."""

from __future__ import annotations

import pytest

from eschernet_ros.cameras import CameraSettingsError, StreamProfile
from eschernet_ros.cameras.profile import usb_warning


@pytest.mark.parametrize("text", ["1280x720x30", " 1280 X 720 x 30 ", "1280,720,30"])
def test_notations(text: str) -> None:
    """Also the comma that older realsense-ros took."""
    assert StreamProfile.parse(text, "colour_profile") == StreamProfile(1280, 720, 30)
    assert str(StreamProfile(1280, 720, 30)) == "1280x720x30"


@pytest.mark.parametrize("text", ["", "1280x720", "1280x720x0", "axbxc", "1280x720x-30"])
def test_other_notations_are_refused(text: str) -> None:
    """With the name of the setting and an example."""
    with pytest.raises(CameraSettingsError, match=r"colour_profile is '.*'; it must be WIDTHxHEIGHTxFPS"):
        StreamProfile.parse(text, "colour_profile")


def test_usb_2_is_named_with_its_cost() -> None:
    """1280x720 at 30 frames/s, 16 bits a pixel: 55.3 MB/s each of colour and depth."""
    profiles = [StreamProfile(1280, 720, 30)] * 2
    warning = usb_warning("2.1", profiles)
    assert warning is not None
    assert (
        "USB 2.1: the profiles 1280x720x30, 1280x720x30 need 111 MB/s, and USB 2 carries less than 60 MB/s" in warning
    )
    assert usb_warning("3.2", profiles) is None
    assert usb_warning("", profiles) is None
