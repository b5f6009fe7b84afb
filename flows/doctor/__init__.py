# SPDX-License-Identifier: Apache-2.0
"""What the machine has and lacks, and how to mend each."""
