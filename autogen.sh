#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure from configure.ac; needed once after a clone.
cd "$(dirname "$0")" && mkdir -p m4 && exec autoreconf --force --install
