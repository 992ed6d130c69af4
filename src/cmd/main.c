/* SPDX-License-Identifier: Apache-2.0 */
/* podfs: one row a sub-command. Only this file and the sub-commands exit. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{ "mount", cmd_mount, "mount a cluster at a directory" },
	{ "umount", cmd_umount, "stop every pod, unmount the cluster and end its daemon" },
	{ "attach", cmd_attach, "show what a container writes, and pass it input" },
	{ "backup", cmd_backup, "write a cluster's state to a file, while it runs" },
	{ "cp", cmd_cp, "copy files to and from a container" },
	{ "debug", cmd_debug, "add a container to a running pod, to look at it" },
	{ "diff", cmd_diff, "show what copying files into the mount would change" },
	{ "exec", cmd_exec, "run a program in a container" },
	{ "validate", cmd_validate, "check manifests as a write into the mount would" },
	{ "version", cmd_version, "print the version" },
};

static int usage(FILE *out)
{
	(void)fprintf(out, "usage: podfs COMMAND [OPTION]... [ARGUMENT]...\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
	(void)fprintf(out, "\nEach explains itself with --help; see also podfs(1), podfs(5) and podfs(7).\n");
	return out == stdout ? 0 : 2;
}

int cmd_version(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		(void)printf("usage: podfs version\nPrints the version of podfs.\n");
		return 0;
	}
	if (argc > 1) {
		(void)fprintf(stderr, "podfs version: %s: no arguments are expected\n", argv[1]);
		return 2;
	}
	(void)printf("podfs %s\n", PACKAGE_VERSION);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return usage(stdout);
	if (!strcmp(argv[1], "--version"))
		return cmd_version(1, argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	(void)fprintf(stderr, "podfs: \"%s\" is no command of podfs\n", argv[1]);
	return usage(stderr);
}
