# SPDX-License-Identifier: Apache-2.0
"""A server of the robot's real protocol, for the Python of its own environment (see simulated_franka.py).

Usage: serve.py HOST. Commands come as lines on standard input: ``move Q1 ... Q7`` lets the simulated arm
go there, ``ee X Y Z`` sets F_T_EE to a translation, as an operator does in Desk.
"""

import logging
import os
import sys
import threading

from franka_sim import FrankaSimServer
from franka_sim.control_modes import ControlMode


def obey(server: FrankaSimServer) -> None:
    """Follow the commands on standard input; its end is the end of this process."""
    for line in sys.stdin:
        command, *words = line.split()
        numbers = [float(word) for word in words]
        if command == "move":
            server.physics_sim.set_control_mode(ControlMode.POSITION)
            server.physics_sim.update_joint_positions(numbers)
        elif command == "ee":
            x, y, z = numbers
            server.robot_state.state["NE_T_EE"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1]
            server._refresh_ee_transform()
    os._exit(0)


logging.basicConfig(level=logging.INFO)
simulation = FrankaSimServer(host=sys.argv[1], enable_gripper=False)
threading.Thread(target=obey, args=(simulation,), daemon=True).start()
simulation.start()
