# SPDX-License-Identifier: Apache-2.0
"""Lessons and courses: slides with a presenter over them."""
