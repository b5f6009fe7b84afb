# SPDX-License-Identifier: Apache-2.0
"""What talkers and judges need at run time to read emotions from speech and faces.

In come prepared clips (`prepared_corpus`: faces, landmarks, speech, prosody); out come emotion
embeddings, class priors, tokens of the emotion bank, and checkpoints of such networks. Open
`embedder` first. The loops that train them are in `model/training`, which nothing here imports.
"""
