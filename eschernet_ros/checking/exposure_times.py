# SPDX-License-Identifier: Apache-2.0
"""How long each picture was exposed: as the driver told it, else as the settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eschernet_ros.errors import EscherNetError


@dataclass(frozen=True, eq=False)
class ExposureTimes:
    """Exposures by image stamp.

    Attributes:
        told: seconds by stamp in nanoseconds, None where the metadata of a frame do not tell; empty: there are none.
        otherwise_s: for frames of which nothing was told.
        required: such frames are left out instead (``metadata.required``).
    """

    told: Mapping[int, float | None]
    otherwise_s: float
    required: bool = False

    def of(self, stamp_ns: int) -> float:
        """The exposure of a frame, seconds."""
        told = self.told.get(stamp_ns)
        return self.otherwise_s if told is None else told

    def usable(self, stamps_ns: Sequence[int]) -> list[int]:
        """Those of the frames whose exposure is known as well as it must be.

        Raises:
            EscherNetError: none is.
        """
        if not self.required:
            return list(stamps_ns)
        kept = [stamp for stamp in stamps_ns if self.told.get(stamp) is not None]
        if not kept:
            raise EscherNetError(
                f"metadata.required is set, but the exposure of none of {len(stamps_ns)} frames is told: record the "
                "camera's metadata topic, or unset it and give exposure_s"
            )
        return kept

    def notes(self, stamps_ns: Sequence[int]) -> list[str]:
        """Sentences on where the exposures of these frames are from; none where nothing was told of any."""
        if not self.told:
            return []
        known = [told for stamp in stamps_ns if (told := self.told.get(stamp)) is not None]
        sentence = f"The exposure of {len(known)} of {len(stamps_ns)} frames is from metadata"
        if known:
            sentence += f" ({min(known) * 1e3:.1f} to {max(known) * 1e3:.1f} ms)"
        if len(known) < len(stamps_ns):
            others = "the others are left out" if self.required else f"{self.otherwise_s * 1e3:.1f} ms for the others"
            sentence += f"; {others}"
        return [f"{sentence}."]
