/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's end of `podfs cp`: a process beside the container's, which has entered it as one of `podfs exec` has, with its
 * root, user, rights, filter and limits, but executes nothing: no image need have a program for it, and none is shown to it.
 * What leads out of the directories, links above all, leads to where it would lead the container itself.
 */
#ifndef PODFS_POD_COPY_H
#define PODFS_POD_COPY_H

#include "pod/become.h"

/*
 * Copies by the arguments "send PATH" or "receive FLAGS PATH NAME" (copy/copy.h; FLAGS is a decimal number), from standard
 * input or to standard output. On standard error a line of each file that could not be copied, "PATH: WHY". Ends the process,
 * with 0 when all was copied and with 1 otherwise; returns a negative errno, told, only when it cannot begin.
 */
int pod_copy(struct become *b);

#endif
