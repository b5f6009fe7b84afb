# SPDX-License-Identifier: Apache-2.0
"""Make lessons: slides, a script with a section per slide, and a presenter who talks over them.

In come a script (Markdown or a line sheet), slides (a PDF or pictures), cues, shots and takes. Out
go the sections of the picture as files, chapters, a transcript, packages for learning systems, and
XLIFF for translators. Open `lesson_script` first, then `timing` and `compose`.
"""
