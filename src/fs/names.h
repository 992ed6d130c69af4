/* SPDX-License-Identifier: Apache-2.0 */
/* What a name in a kind's directory means: podfs(7), "Writing desired state". Pure. */
#ifndef PODFS_FS_NAMES_H
#define PODFS_FS_NAMES_H

#include <stdbool.h>

enum fs_name_class {
	FS_NAME_MANIFEST, /* *.yaml, *.yml, *.json */
	FS_NAME_SCRATCH,  /* stored and never applied */
	FS_NAME_OTHER,	  /* an object's, or refused */
	FS_NAME_BAD,	  /* not UTF-8, or with control characters: refused */
};

enum fs_name_class fs_name_classify(const char *name);
/* kustomize(1)'s own file, which is no object of the cluster's. */
bool fs_name_is_kustomization(const char *name);

#endif
