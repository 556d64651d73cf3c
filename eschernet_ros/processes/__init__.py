# SPDX-License-Identifier: Apache-2.0
"""Node processes of one isolated ROS graph: started, watched, and ended by their ids."""

from eschernet_ros.processes.domain import DomainLease, lease_domain
from eschernet_ros.processes.graph import Graph, NodeProcess

__all__ = ["DomainLease", "Graph", "NodeProcess", "lease_domain"]
