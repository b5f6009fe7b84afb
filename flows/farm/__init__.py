# SPDX-License-Identifier: Apache-2.0
"""The door to Ray: a small pool of actors, each holding one loaded talker."""
