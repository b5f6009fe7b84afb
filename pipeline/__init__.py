# SPDX-License-Identifier: Apache-2.0
"""What is done to media, one module a step, in the order in which a film is made."""
