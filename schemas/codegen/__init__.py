# SPDX-License-Identifier: Apache-2.0
"""Parts of schemas/gen.py: model.py reads, the others write one product each."""
