# SPDX-License-Identifier: Apache-2.0
"""Start, spin and end one node, with a sentence and an exit status when it cannot start."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from eschernet_ros.errors import EscherNetError
from eschernet_ros.nodes.library_log import forward_library_log
from eschernet_ros.optional import MissingDependencyError


class ClosableNode(Node):
    """A node with threads or files of its own."""

    failed = False

    def close(self) -> None:
        """Stop the node's threads and finish its files."""

    def start_thread(self, work: Callable[[], None]) -> threading.Thread:
        """Run ``work`` in a thread; should it raise, the node ends with the reason instead of going on without it."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                if self.context.ok():  # else the node is ending, and publishing no longer works
                    self.failed = True
                    self.get_logger().fatal(f"{work.__name__.strip('_')} ended: {error}")
                    rclpy.try_shutdown()

        thread = threading.Thread(target=guarded, name=work.__name__, daemon=True)
        thread.start()
        return thread


def run(make_node: Callable[[], ClosableNode]) -> None:
    """Run ``make_node()`` until SIGINT or SIGTERM.

    The executor has one thread: work that takes long runs in threads of the nodes, so a callback never waits.
    Exit status 2 when the node cannot start, 1 when one of its threads failed; the reason is one line on the log.
    """
    interruptible, interrupted = True, False

    def on_interrupt(_number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        if interruptible:
            raise KeyboardInterrupt

    # rclpy's own handler, which calls this one, ends the executor; a KeyboardInterrupt that struck while rclpy converts
    # a message would surface as some RuntimeError, so only the start, which may be long, is interrupted by one
    signal.signal(signal.SIGINT, on_interrupt)
    rclpy.init(args=sys.argv)
    forward_library_log()
    try:
        node = make_node()
    except (EscherNetError, MissingDependencyError) as error:
        if not interrupted:  # else an interrupt inside a compiled module's import, which calls it an ImportError
            rclpy.logging.get_logger("eschernet_ros").fatal(str(error))
        rclpy.try_shutdown()
        sys.exit(0 if interrupted else 2)
    except KeyboardInterrupt:
        rclpy.try_shutdown()
        return
    except Exception:
        if rclpy.ok():
            raise
        return  # a signal ended the context under the constructor
    interruptible = False
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    except Exception:  # ExternalShutdownException, or whatever rclpy says when a signal ends the context inside a call
        if rclpy.ok():
            raise
    finally:
        # a second Ctrl-C must not interrupt the closing of files and threads
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        node.close()
        node.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()
        gc.freeze()  # the interpreter's last collection would go through all of torch and diffusers: seconds
    if node.failed:
        sys.exit(1)
