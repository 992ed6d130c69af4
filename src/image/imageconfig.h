/* SPDX-License-Identifier: Apache-2.0 */
/* The config of an image: its JSON checked, and the part that containers are started from. Pure. One thread. */
#ifndef PODFS_IMAGE_IMAGECONFIG_H
#define PODFS_IMAGE_IMAGECONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "value/value.h"

/*
 * Takes the `config` member of an image's config document (`doc`): a map with Entrypoint, Cmd, Env, ExposedPorts and
 * Volumes as lists of strings and WorkingDir, User and StopSignal as strings, all present. -EINVAL when one is of
 * another type, or holds a NUL; -ENOMEM.
 */
int imageconfig_take(const struct value *doc, struct arena *a, struct value **ret, struct error *err);

/* Checks rootfs.diff_ids and gives the list, whose items are all valid digests. */
int imageconfig_diff_ids(const struct value *doc, const struct value **ret, struct error *err);

#endif
