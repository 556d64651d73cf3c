# SPDX-License-Identifier: Apache-2.0
"""A ROS domain id that no other graph of this package on this machine is using."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from eschernet_ros.errors import EscherNetError

# 0 is everybody's default; above 101 the ports of the DDS standard collide with Linux's ephemeral ports
_DOMAINS = range(1, 102)


@dataclass
class DomainLease:
    """A domain id held by this process until :meth:`release`, or until the process ends."""

    domain_id: int
    _lock: IO[str]

    def release(self) -> None:
        """Give the id back."""
        self._lock.close()


def lease_domain() -> DomainLease:
    """Return a free domain id, locked by a file in the temporary folder.

    Raises:
        EscherNetError: when all ids are taken.
    """
    first = os.getpid()  # processes started together do not try the same id first
    for offset in range(len(_DOMAINS)):
        domain_id = _DOMAINS[(first + offset) % len(_DOMAINS)]
        path = Path(tempfile.gettempdir()) / f"eschernet_ros_domain_{os.getuid()}_{domain_id}.lock"
        lock = path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return DomainLease(domain_id, lock)
    raise EscherNetError(
        f"all {len(_DOMAINS)} ROS domain ids are in use by other graphs of this package; end one of them"
    )
