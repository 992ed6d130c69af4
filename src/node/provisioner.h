/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes and removes the directories of PersistentVolumes on this node's disk: STATE/volumes/pvc-UID, of the UID of the claim
 * that each is made for. The volume controller says which claim is to get one (its annotations name this node and
 * PV_PROVISIONER) and which volume is released; this thread does the work on the disk, which may take long.
 *
 * STATE/volumes is root's alone; a volume's own directory is 0777, root's: whatever user a container runs as, it may write.
 * Nothing is removed but what the volume says was made here, by its own name.
 */
#ifndef PODFS_NODE_PROVISIONER_H
#define PODFS_NODE_PROVISIONER_H

#include "store/registry.h"

struct provisioner;

/* Strings are copied; the registry must outlive it. Makes STATE/volumes where it is missing. */
int provisioner_start(struct registry *r, const char *node_name, const char *state_dir, struct provisioner **ret);
/* Finishes what it is at. NULL is fine. */
void provisioner_stop(struct provisioner *p);

#endif
