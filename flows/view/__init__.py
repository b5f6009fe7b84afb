# SPDX-License-Identifier: Apache-2.0
"""What verbs show: plans, lists, states and progress, for people and as JSON."""
