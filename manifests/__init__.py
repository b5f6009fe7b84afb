# SPDX-License-Identifier: Apache-2.0
"""What is recorded: row types in film order, exact time, identities, and the Delta tables that hold
them.
"""
