# SPDX-License-Identifier: Apache-2.0
"""Slides of a PDF."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lesson import pdf_slides


@given(st.lists(st.sampled_from(["1", "2", "3", "iv", "a(b)", ""]), min_size=1, max_size=60))
def test_page_labels_become_different_names(labels: list[str]) -> None:
    class Labelled:
        def __len__(self) -> int:
            return len(labels)

        def get_page_label(self, index: int) -> str:
            return labels[index]

    names = pdf_slides.name_pages(Labelled())
    assert len(set(names)) == len(names) == len(labels)
