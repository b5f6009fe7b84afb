# SPDX-License-Identifier: Apache-2.0
"""From takes to a version that stands in its folder, whole, with its checks."""
