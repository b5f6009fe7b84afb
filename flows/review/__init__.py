# SPDX-License-Identifier: Apache-2.0
"""Dailies: a local page where people look at takes, decide, and send shots back. Same record, same
decisions as the command line.
"""
