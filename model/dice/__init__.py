# SPDX-License-Identifier: Apache-2.0
"""The DICE-Talk talker (arXiv 2504.18087), written from published facts and golden tensors, for GPUs with downloaded weights."""
