# SPDX-License-Identifier: Apache-2.0
"""Independent measures of talking faces, over decoded arrays: is the emotion read, is it the same
person, do the lips follow, is it steady.

Nothing here makes pictures, and nothing that makes pictures may be trained on what a judge says.
What each number can and cannot say is in docs/judges.md.
"""
