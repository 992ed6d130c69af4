#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tarball builds, passes its tests, installs and uninstalls, from read-only sources. The integration tests have
# run on this tree already, so here they stay out (AM_DISTCHECK_CONFIGURE_FLAGS in Makefile.am).
cd "$(dirname "$0")/../.." || exit
make -s -C build -j"${JOBS:-$(nproc)}" distcheck && make -s -C build distclean-tarball
