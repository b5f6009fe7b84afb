# SPDX-License-Identifier: Apache-2.0
"""How a face talks: the talker contract, emotions, weights, and the two talkers (previs,
DICE-Talk).
"""
