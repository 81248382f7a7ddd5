#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `./dev demo` runs: two processes that talk over UDP.
exec bash "$(dirname "$0")/../../examples/demo.sh" "$P2P"
