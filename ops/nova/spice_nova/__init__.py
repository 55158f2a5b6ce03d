# SPDX-License-Identifier: Apache-2.0
"""TrustedFilterSPICE: lets Nova place a server that demands trust only on nodes that are in a pool of SPICE now."""

__version__ = "0.1.0"
