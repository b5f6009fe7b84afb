# SPDX-License-Identifier: Apache-2.0
"""Training of the talkers and of what they are conditioned on: an emotion embedder, a bank of
emotions, a discriminator, diffusion.
"""
