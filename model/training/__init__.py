# SPDX-License-Identifier: Apache-2.0
"""Train the networks of this package: emotion embedder, emotion bank, small talker, DICE-Talk.

In come a prepared corpus (`model/affect/prepared_corpus.py`) and settings; out come checkpoints,
loss curves, and the state to resume from. Open `train_diffusion` or `train_embedder` first and read
`train` from top to bottom; `training_loop` is the loop that the stages of diffusion share. No
talker and nothing in `model/affect` imports this folder.
"""
