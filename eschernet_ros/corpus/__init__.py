# SPDX-License-Identifier: Apache-2.0
"""The procedural training corpus: random objects, a fast renderer, and folders of their views."""
