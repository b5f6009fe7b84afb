# SPDX-License-Identifier: Apache-2.0
"""When and where each step runs: the Prefect flows, the Ray farm, the command line."""
