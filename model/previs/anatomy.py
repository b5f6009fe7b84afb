# SPDX-License-Identifier: Apache-2.0
"""Name the points of the 468-point face mesh, from the viewer's left to right.

So the person's right side comes first. The points themselves come from `landmarks`. The numbering
is that of MediaPipe's canonical face mesh (Apache-2.0).
"""

from __future__ import annotations

LIP_OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIP_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
CORNERS = (61, 291, 78, 308)
# The two rows of points between the outer and the inner lip line.
LIP_MIDDLE_UPPER = (
    184,
    74,
    73,
    72,
    11,
    302,
    303,
    304,
    408,
    183,
    42,
    41,
    38,
    12,
    268,
    271,
    272,
    407,
)
LIP_MIDDLE_LOWER = (
    77,
    90,
    180,
    85,
    16,
    315,
    404,
    320,
    307,
    96,
    89,
    179,
    86,
    15,
    316,
    403,
    319,
    325,
)

LID_UPPER = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LID_LOWER = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
BROWS = (
    (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
)

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
JAW = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
UPPER_OVAL = tuple(i for i in OVAL if i not in JAW)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 64, 294, 129, 358)
NOSE_RIDGE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 129, 358)
CHEEKS = (205, 425, 50, 280)
CHIN = 152
MIDLINE = (168, 13)  # bridge of the nose, upper lip
# Outer corners of the eyes and corners of the mouth, which stand as far from that line on either
# side.
BESIDE = ((33, 61), (263, 291))
SIDES = (234, 454)
# Points that neither speech nor lids nor brows move: corners of the eyes, bridge and tip of the
# nose, forehead and temples.
STEADY = (
    *(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 10, 151, 9, 8, 234, 454, 127, 356),
    *(93, 323, 103, 332, 54, 284, 21, 251, 67, 297, 109, 338),
)
EYE_POINTS = tuple(sorted({i for lids in (*LID_UPPER, *LID_LOWER) for i in lids}))
LIPS = tuple(sorted({*LIP_OUTER_UPPER, *LIP_OUTER_LOWER, *LIP_INNER_UPPER, *LIP_INNER_LOWER}))
LOWER_LIP = tuple(sorted({*LIP_OUTER_LOWER, *LIP_INNER_LOWER, *LIP_MIDDLE_LOWER} - set(CORNERS)))
UPPER_LIP = tuple(sorted({*LIP_OUTER_UPPER, *LIP_INNER_UPPER, *LIP_MIDDLE_UPPER} - set(CORNERS)))
