# SPDX-License-Identifier: Apache-2.0
"""The night: every production below a folder looked at, rendered within limits, and told of in the
morning.
"""
