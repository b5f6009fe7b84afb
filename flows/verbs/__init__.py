# SPDX-License-Identifier: Apache-2.0
"""The verbs of the command line, by subject: each module has an `app` that `flows.cli` puts
together. An option is an argument.
"""
