/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-image: imports, lists and removes the images of a store.
 *
 * It is a program of its own so that a hostile archive meets a process with few rights, and so that libarchive and
 * what it brings along take no memory in the daemon. It writes records to standard output and at most one line to
 * standard error; the exit status says whose fault a failure is (see EXIT_*).
 */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/directories.h"
#include "image/import.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/sandbox.h"

enum {
	EXIT_REFUSED = 1, /* the archive, or the reference, is wrong */
	EXIT_USAGE = 2,
	EXIT_ABSENT = 3, /* no such image in the store */
	EXIT_SYSTEM = 4, /* memory, rights, a failing disk */
	EXIT_FULL = 5,	 /* the disk is full */
};

static const uint64_t DEFAULT_MAX_BYTES = UINT64_C(64) << 30;

static const char USAGE[] =
	"usage: podfs-image import --store DIR [--name REF [--pulled]] [--max-size BYTES] ARCHIVE|-\n"
	"       podfs-image name --store DIR --name REF [--pulled] DIGEST...\n"
	"       podfs-image list --store DIR\n"
	"       podfs-image remove --store DIR REF|DIGEST\n"
	"\n"
	"ARCHIVE is a tar of an OCI image layout, a docker archive (docker save), either also compressed, or a\n"
	"directory that is an OCI image layout; - reads standard input. Every image of it is imported; of an index\n"
	"for several platforms, the one for this machine. name gives the image of the first DIGEST a name and the\n"
	"other digests. import, name and list write one line of JSON an image.\n"
	"\n"
	"  --store DIR       the directory that holds images/ and layers/; made when absent\n"
	"  --name REF        names the archive's only image, in place of the names in the archive\n"
	"  --pulled          the name comes from a registry\n"
	"  --max-size BYTES  what a layer may unpack to (64 GiB)\n"
	"\n"
	"Exit status: 0, 1 the archive or reference is wrong, 2 usage, 3 no such image, 4 the system failed,\n"
	"5 the disk is full.\n";

struct arguments {
	const char *store;
	const char *operand;
	const char *const *operands; /* NULL-terminated; operand is the first */
	size_t n_operands;
	struct import_options options;
};

/* One line, with nothing in it that a terminal would obey. */
static void print_error(const struct error *err)
{
	_cleanup_buf_ struct buf line = BUF_INIT;

	buf_puts(&line, "podfs-image: ");
	for (const unsigned char *p = (const unsigned char *)error_text(err); *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			buf_printf(&line, "\\x%02x", *p);
		else
			buf_putc(&line, (char)*p);
	}
	buf_putc(&line, '\n');
	(void)fputs(buf_str(&line), stderr); /* ignoring: there is nowhere else to say it */
}

static int status_of(int code)
{
	switch (code) {
	case 0:
		return EXIT_SUCCESS;
	case -EINVAL:
	case -EFBIG:
	case -E2BIG:
	case -ENAMETOOLONG:
	case -ELOOP:
	case -ENOTDIR:
	case -EPERM:
	case -EEXIST:
		return EXIT_REFUSED;
	case -ENOENT:
		return EXIT_ABSENT;
	case -ENOSPC:
	case -EDQUOT:
		return EXIT_FULL;
	default:
		return EXIT_SYSTEM;
	}
}

static int usage(const char *text)
{
	(void)fprintf(stderr, "podfs-image: %s; see podfs-image --help\n", text);
	return EXIT_USAGE;
}

static int open_store(const char *path, struct store *ret, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = directories_make(path, 0755, 0700);

	if (r < 0)
		return error_errno(err, r, "making %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, -errno, "opening %s", path);
	r = sandbox_enter(fd, err);
	return r < 0 ? r : store_open(steal_fd(&fd), ret, err);
}

static int run_import(const struct arguments *args, struct buf *out, struct error *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_close_ int opened = -1;
	int fd = STDIN_FILENO, r;

	if (strcmp(args->operand, "-") != 0) {
		opened = open(args->operand, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (opened < 0) {
			error_errno(err, -errno, "%s", args->operand);
			return err->code == -ENOENT ? error_set(err, -EINVAL, "%s: no such file", args->operand) :
						      err->code;
		}
		fd = opened;
	}
	r = open_store(args->store, &store, err);
	if (r < 0)
		return r;
	r = import_archive(&store, fd, &args->options, out, err);
	/* A member that is missing is the archive's fault; EXIT_ABSENT is for images. */
	return r == -ENOENT ? -EINVAL : r;
}

static int run_name(const struct arguments *args, struct buf *out, struct error *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	int r;

	if (!args->options.name)
		return error_set(err, -EINVAL, "--name is missing");
	for (size_t i = 0; i < args->n_operands; i++)
		if (!image_digest_valid(args->operands[i]))
			return error_set(err, -EINVAL, "%s is not a digest", args->operands[i]);
	r = open_store(args->store, &store, err);
	return r < 0 ? r : import_name(&store, args->operands, args->n_operands, &args->options, out, err);
}

static int run_list(const struct arguments *args, struct buf *out, struct error *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	int r = open_store(args->store, &store, err);

	return r < 0 ? r : import_list(&store, out, err);
}

static int run_remove(const struct arguments *args, struct buf *out, struct error *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	int r = open_store(args->store, &store, err);

	return r < 0 ? r : import_remove(&store, args->operand, err);
}

static const struct command {
	const char *name;
	int operands; /* -1: one at least */
	int (*run)(const struct arguments *args, struct buf *out, struct error *err);
} COMMANDS[] = {
	{ "import", 1, run_import },
	{ "name", -1, run_name },
	{ "list", 0, run_list },
	{ "remove", 1, run_remove },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return &COMMANDS[i];
	return NULL;
}

static int run(const struct command *command, const struct arguments *args)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = command->run(args, &out, &err);

	if ((fputs(buf_str(&out), stdout) < 0 || fflush(stdout) < 0) && r == 0)
		r = error_errno(&err, -EIO, "writing to standard output");
	if (r < 0)
		print_error(&err);
	return status_of(r);
}

static bool parse_size(const char *s, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return !errno && *s >= '0' && *s <= '9' && !*end;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "store", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' },
		{ "max-size", required_argument, NULL, 'm' }, { "pulled", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments args = { .options = { .max_bytes = DEFAULT_MAX_BYTES } };
	const struct command *command;
	struct utsname host;
	int c;

	/* libarchive converts names by the locale; C.UTF-8 lives in libc itself. */
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* ignoring: names are taken as bytes then */
	while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (c == 's')
			args.store = optarg;
		else if (c == 'n')
			args.options.name = optarg;
		else if (c == 'm' && !parse_size(optarg, &args.options.max_bytes))
			return usage("--max-size must be a number of bytes");
		else if (c == 'p')
			args.options.pulled = true;
		else if (c == 'h')
			return fputs(USAGE, stdout) < 0 ? EXIT_SYSTEM : EXIT_SUCCESS;
		else if (c == '?')
			return usage("unknown option");
	}
	command = optind < argc ? find_command(argv[optind]) : NULL;
	if (!command)
		return usage("say import, name, list or remove");
	if (!args.store || !*args.store)
		return usage("--store is missing");
	args.n_operands = (size_t)(argc - optind - 1);
	if (command->operands < 0 ? !args.n_operands : args.n_operands != (size_t)command->operands)
		return usage(command->operands ? "one argument is missing or one is too many" : "no argument is needed");
	args.operands = (const char *const *)&argv[optind + 1];
	args.operand = args.operands[0];
	if (uname(&host) < 0)
		return EXIT_SYSTEM;
	args.options.architecture = manifest_architecture(host.machine);
	return run(command, &args);
}
