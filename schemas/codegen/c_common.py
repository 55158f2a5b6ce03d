# SPDX-License-Identifier: Apache-2.0
"""What every C product begins with."""

LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
NOTICE = "/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */\n"
