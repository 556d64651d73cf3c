# SPDX-License-Identifier: Apache-2.0
"""Training EscherNet on folders of posed images."""
