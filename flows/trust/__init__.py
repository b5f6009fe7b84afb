# SPDX-License-Identifier: Apache-2.0
"""Consents, purges, waivers, and what a file is worth."""
