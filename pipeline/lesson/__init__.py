# SPDX-License-Identifier: Apache-2.0
"""Lessons: slides, a script with a section per slide, and a presenter who talks over them.

Read in this order: `script` and `markdown` (what is said on which slide), `slides` (stills and
where their text is), `layouts` (where the presenter goes), `timing` (when slides come up),
`compose` (the edit list and its sections as files), `transcript`, `packages` (with `scorm` and
`tincan`), `xliff`.
"""
