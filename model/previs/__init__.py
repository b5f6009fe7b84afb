# SPDX-License-Identifier: Apache-2.0
"""The previs talker: animates a portrait on a CPU from small packaged weights. Its frames are previs, never finals."""
