# SPDX-License-Identifier: Apache-2.0
"""The stages of a film, in the order in which it is made.

`script` reads what people write, `speech` listens to the recordings, and `align` matches the two.
`cut` decides the shots, `render` makes their takes, `colour` matches them, and `assemble` puts
picture and sound together. `deliver` writes the files, and `checks` measures them. `lesson` makes
lessons of slides and a presenter, and `corpus` prepares training data. `media` is the door to
ffmpeg for all of them.
"""
