/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PODFS_CMD_VALIDATE_H
#define PODFS_CMD_VALIDATE_H

/* podfs validate: argv[0] is the sub-command's name. Returns the exit status: 0, 1 when a file is refused, 2 for a
 * wrong command line, 3 when a file could not be read. */
int cmd_validate(int argc, char **argv);

#endif
