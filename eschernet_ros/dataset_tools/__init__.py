# SPDX-License-Identifier: Apache-2.0
"""What ``eschernet-ros dataset`` does with data set folders: summaries, validation, merging, pictures."""
