# SPDX-License-Identifier: Apache-2.0
"""The ledger: what people decided about shots, what the farm said, and the state that follows."""
